// A very small virtual DOM: `h` describes elements, `patch` makes the page look like the description.
//
// The page describes itself as a whole after every change; nodes that stay keep their identity, so focus, caret,
// scroll position and half-typed text survive a refresh caused by somebody else. Text always becomes a text node:
// there is no way to hand markup to this module, which is what keeps message content from running as code.

const SVG = 'http://www.w3.org/2000/svg';

// Properties that must be set on the live node instead of as an attribute, because the attribute only holds the
// initial value and a person may have changed it since.
const LIVE = new Set(['value', 'checked', 'selected', 'indeterminate', 'disabled', 'inert']);

/** Describes an element. `props` may hold attributes, `on…` handlers, `key`, `mounted(el)`; children may nest. */
export function h(tag, props, ...children) {
  return { tag, props: props || {}, children: flatten(children, []) };
}

function flatten(list, out) {
  for (const item of list) {
    if (item === null || item === undefined || item === false || item === true) continue;
    if (Array.isArray(item)) flatten(item, out);
    else out.push(typeof item === 'object' ? item : String(item));
  }
  return out;
}

/** Makes the children of `el` match `children`. A description that was used before and comes again is taken as unchanged. */
export function patch(el, children) {
  patchChildren(el, flatten([children], []), el.namespaceURI === SVG);
}

function create(vnode, inSvg) {
  if (typeof vnode === 'string') return document.createTextNode(vnode);
  const svg = inSvg || vnode.tag === 'svg';
  const el = svg ? document.createElementNS(SVG, vnode.tag) : document.createElement(vnode.tag);
  el.vnode = { tag: vnode.tag, props: {}, children: [] };
  update(el, vnode, svg);
  if (vnode.props.mounted) queueMicrotask(() => el.isConnected && vnode.props.mounted(el));
  return el;
}

function update(el, vnode, svg) {
  const before = el.vnode.props;
  const after = vnode.props;
  // Children first: the value of a <select> can only be set once its options exist.
  patchChildren(el, vnode.children, svg);
  for (const name in before) if (!(name in after)) setProp(el, name, undefined, before[name]);
  for (const name in after) {
    if (LIVE.has(name) || before[name] !== after[name]) setProp(el, name, after[name], before[name]);
  }
  el.vnode = vnode;
}

function setProp(el, name, value, previous) {
  if (name === 'key' || name === 'mounted') return;
  if (name.startsWith('on')) {
    const event = name.slice(2).toLowerCase();
    el.handlers ||= {};
    if (!(event in el.handlers)) el.addEventListener(event, (e) => el.handlers[event]?.(e));
    el.handlers[event] = value;
    return;
  }
  if (LIVE.has(name) && name in el) {
    const wanted = value ?? (name === 'value' ? '' : false);
    if (el[name] !== wanted) el[name] = wanted;
    return;
  }
  if (value === undefined || value === null || value === false) el.removeAttribute(name);
  else if (value !== previous) el.setAttribute(name, value === true ? '' : String(value));
}

function sameKind(node, vnode) {
  if (typeof vnode === 'string') return node.nodeType === Node.TEXT_NODE;
  return Boolean(node.vnode) && node.vnode.tag === vnode.tag && node.vnode.props.key === vnode.props.key;
}

function patchChildren(el, vnodes, svg) {
  const old = [...el.childNodes];
  const keyed = new Map();
  for (const node of old) {
    const key = node.vnode?.props.key;
    if (key !== undefined) keyed.set(key, node);
  }
  const used = new Set();
  let cursor = 0;
  const matches = vnodes.map((vnode) => {
    const key = vnode.props?.key;
    if (key !== undefined) {
      const node = keyed.get(key);
      if (!node || used.has(node) || !sameKind(node, vnode)) return null;
      used.add(node);
      return node;
    }
    for (let i = cursor; i < old.length; i++) {
      if (!used.has(old[i]) && old[i].vnode?.props.key === undefined && sameKind(old[i], vnode)) {
        used.add(old[i]);
        cursor = i + 1;
        return old[i];
      }
    }
    return null;
  });
  // What goes away goes first: then nodes that stay are rarely moved, and only a move takes the focus away.
  for (const node of old) if (!used.has(node)) node.remove();
  let next = el.firstChild;
  vnodes.forEach((vnode, index) => {
    const node = matches[index];
    if (!node) {
      el.insertBefore(create(vnode, svg), next);
      return;
    }
    if (node === next) next = node.nextSibling;
    else el.insertBefore(node, next);
    if (typeof vnode === 'string') {
      if (node.data !== vnode) node.data = vnode;
    } else if (node.vnode !== vnode) update(node, vnode, svg || vnode.tag === 'svg');
  });
}
