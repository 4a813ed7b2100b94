// The interactive elements of Block Kit, in messages, modals and the Home tab alike.
//
// A message tells the server when something is pressed or picked (`press`); a view tells it of every change (`input`)
// and the server decides what the app hears. blocks.js calls `element` and gives labels, hints and errors around it.

import { h } from './dom.js';
import { textObject, textOf } from './text.js';
import { picker, choicesFrom } from './picker.js';
import { store, changed, act, valueOf, setValue, elementKey, messageValues, refresh } from './store.js';

const ids = new Map();
/** A document-wide id for an element, stable over refreshes. */
export function idOf(key) {
  if (!ids.has(key)) ids.set(key, `field-${ids.size + 1}`);
  return ids.get(key);
}

/** `around`: {label, describedBy, invalid, submit} from the block that holds the element. */
export function element(where, block, el, around = {}) {
  const draw = DRAW[el.type];
  const key = elementKey(where, block, el);
  if (!draw) return h('span', { class: 'unsupported', key }, `[${el.type}]`);
  return draw({ where, block, el, key, id: idOf(key), ...around });
}

/** Tells the server about a button or a choice outside a form. */
export async function dispatch(where, block, el, { value, selected } = {}) {
  const key = elementKey(where, block, el);
  const pressing = (store.ui.pressing ||= new Set());
  if (pressing.has(key)) return;
  pressing.add(key);
  const ids = { block_id: block.block_id, action_id: el.action_id };
  if (where.kind === 'view') {
    await act(el.type === 'button'
      ? { action: 'view_button', view_id: where.id, ...ids, value }
      : { action: 'input', view_id: where.id, ...ids, value: selected });
  } else {
    await act({ action: 'press', channel: where.channel, ts: where.ts, version: where.version, ...ids, value, selected, state: { values: messageValues(where, where.blocks) } });
  }
  await refresh();
  pressing.delete(key);
  changed();
}

/** Runs `then`, after asking where the element wants that. */
function confirmed(el, then) {
  if (!el.confirm) return then();
  store.ui.confirm = { dialog: el.confirm, then };
  changed();
}

function picked(field, state, options) {
  const { where, block, el } = field;
  const dispatches = block.type !== 'input' || block.dispatch_action;
  const take = () => {
    setValue(where, block, el, state, options);
    if (where.kind === 'message' && dispatches) dispatch(where, block, el, { selected: state });
  };
  if (dispatches) confirmed(el, take);
  else take();
}

const accessible = ({ id, label, describedBy, invalid, key, el }) => ({
  id, 'aria-label': label, 'aria-describedby': describedBy, 'aria-invalid': invalid ? 'true' : undefined, 'data-element': key,
  'data-focus': el.focus_on_load || undefined,
});

// ---- Buttons ------------------------------------------------------------------------------------------------------------

function button(field) {
  const { where, block, el, key } = field;
  const props = {
    key, class: `btn${el.style ? ` btn-${el.style}` : ''}`, 'aria-label': el.accessibility_label,
    disabled: store.ui.pressing?.has(key) ?? false,
    onclick: () => confirmed(el, () => dispatch(where, block, el, { value: el.value })),
  };
  if (el.url && /^https?:/i.test(el.url)) {
    return h('a', { ...props, disabled: undefined, href: el.url, target: '_blank', rel: 'noopener noreferrer' }, textObject(el.text));
  }
  return h('button', { ...props, type: 'button' }, textObject(el.text));
}

function overflow(field) {
  const { where, block, el, key, id } = field;
  const open = store.ui.menu === key;
  const toggle = () => {
    store.ui.menu = open ? null : key;
    changed();
  };
  const choose = (option) => {
    store.ui.menu = null;
    confirmed(el, () => dispatch(where, block, el, { value: option.value, selected: { type: 'overflow', selected_option: option } }));
    if (option.url && /^https?:/i.test(option.url)) window.open(option.url, '_blank', 'noopener,noreferrer');
    changed();
  };
  return h('div', { class: 'overflow', key, 'data-menu': open ? '' : undefined },
    h('button', { type: 'button', class: 'btn btn-icon', id, 'aria-label': field.label ?? 'More actions', 'aria-haspopup': 'menu', 'aria-expanded': String(open), onclick: toggle }, '•••'),
    open && h('div', { class: 'menu', role: 'menu' },
      el.options.map((option, index) => h('button', { type: 'button', class: 'menu-item', role: 'menuitem', key: index, onclick: () => choose(option) }, textObject(option.text),
        option.description && h('small', {}, textObject(option.description))))));
}

// ---- Text ---------------------------------------------------------------------------------------------------------------

const INPUT_TYPES = { email_text_input: 'email', url_text_input: 'url', number_input: 'text', plain_text_input: 'text' };

function textInput(field) {
  const { where, block, el, key } = field;
  const value = valueOf(where, block, el).value ?? '';
  const update = (event, options) => setValue(where, block, el, { type: el.type, value: event.target.value || null }, options);
  const enter = (event) => {
    if (event.key !== 'Enter' || event.isComposing) return;
    if (el.multiline && !(event.metaKey || event.ctrlKey)) return;
    event.preventDefault();
    const wantsEnter = el.dispatch_action_config?.trigger_actions_on?.includes('on_enter_pressed') ?? block.dispatch_action;
    if (block.dispatch_action && wantsEnter) {
      update(event, { via: 'enter' });
      if (where.kind === 'message') dispatch(where, block, el, { value, selected: { type: el.type, value: value || null } });
    } else field.submit?.();
  };
  const props = {
    ...accessible(field), key, class: 'input', value, autocomplete: 'off', placeholder: textOf(el.placeholder),
    oninput: (event) => update(event, { typing: true, via: 'character' }), onkeydown: enter,
  };
  const control = el.multiline
    ? h('textarea', { ...props, rows: 4 })
    : h('input', { ...props, type: INPUT_TYPES[el.type], inputmode: el.type === 'number_input' ? (el.is_decimal_allowed ? 'decimal' : 'numeric') : undefined });
  const left = el.max_length ? el.max_length - value.length : Infinity;
  const tight = left < Math.max(10, el.max_length / 10);
  return [control, tight && h('span', { class: `counter${left < 0 ? ' over' : ''}`, key: `${key} counter`, 'aria-live': 'polite' },
    left < 0 ? `${-left} too many characters` : `${left} characters left`)];
}

// ---- One of a list ------------------------------------------------------------------------------------------------------

/** Which key of an element's state holds its choice, and what may be chosen. */
const SELECTS = {
  static_select: ['selected_option', (el) => choicesFrom(el)],
  external_select: ['selected_option', () => []],
  users_select: ['selected_user', people],
  conversations_select: ['selected_conversation', conversations],
  channels_select: ['selected_channel', channels],
};

function people() {
  return store.people.map((person) => ({ label: person.real_name || person.name, description: person.title, value: person.id }));
}

function channels() {
  return (store.state?.channels ?? [])
    .filter((channel) => channel.kind === 'public' && !channel.archived)
    .map((channel) => ({ label: `#${channel.name}`, value: channel.id }));
}

function conversations(el) {
  const include = el.filter?.include ?? ['public', 'private', 'im', 'mpim'];
  return (store.state?.channels ?? [])
    .filter((channel) => include.includes(channel.kind) && !channel.archived && (channel.kind === 'public' || channel.member))
    .map((channel) => ({ label: channelLabel(channel), value: channel.id }));
}

export const channelLabel = (channel) => (['im', 'mpim'].includes(channel.kind) ? channel.title || channel.name : `#${channel.name}`);

const isOption = (name) => name === 'selected_option' || name === 'selected_options';
const asChosen = (name, value, known) =>
  isOption(name) ? { label: value.text.text, value: value.value, raw: value } : (known.find((option) => option.value === value) ?? { label: store.names.users[value] ?? value, value });

function nativeSelect(field) {
  const { where, block, el, key } = field;
  const [name, choices] = SELECTS[el.type];
  const options = choices(el);
  const current = valueOf(where, block, el)[name];
  const currentValue = isOption(name) ? current?.value : current;
  const at = options.findIndex((option) => option.value === currentValue);
  const choose = (event) => {
    const option = event.target.value === '' ? null : options[Number(event.target.value)];
    if (!option) return picked(field, { type: el.type, [name]: null });
    picked(field, { type: el.type, [name]: isOption(name) ? option.raw : option.value });
  };
  const optional = block.optional || block.type !== 'input';
  return h('span', { class: 'select', key },
    h('select', { ...accessible(field), class: `input${at < 0 ? ' empty' : ''}`, value: at < 0 ? '' : String(at), onchange: choose },
      h('option', { value: '', hidden: !optional, disabled: !optional, key: 'none' }, textOf(el.placeholder) || 'Choose an option'),
      grouped(options)));
}

function grouped(options) {
  const out = [];
  options.forEach((option, index) => {
    // A native option has one line: the description only joins the label where labels alone do not tell options apart.
    const twin = option.description && options.some((other) => other !== option && other.label === option.label);
    const node = h('option', { value: String(index), key: index, title: option.description }, twin ? `${option.label} (${option.description})` : option.label);
    if (!option.group) out.push(node);
    else if (out.at(-1)?.props?.label === option.group) out.at(-1).children.push(node);
    else out.push(h('optgroup', { label: option.group, key: `group ${option.group}` }, node));
  });
  return out;
}

function externalSelect(field) {
  return searching(field, 'selected_option', () => [], false);
}

function multiSelect(field) {
  const [name, choices] = SELECTS[field.el.type.replace('multi_', '')];
  return searching(field, `${name}s`, choices, true);
}

function searching(field, name, choices, multiple) {
  const { where, block, el, key } = field;
  const external = el.type.includes('external');
  const known = external ? [] : choices(el);
  const state = valueOf(where, block, el)[name];
  const chosen = (multiple ? (state ?? []) : state ? [state] : []).map((value) => asChosen(name, value, known));
  const unwrap = (option) => (isOption(name) ? option.raw : option.value);
  return picker({
    key, id: field.id, label: field.label, describedBy: field.describedBy, invalid: field.invalid, where, block, element: el, external, multiple,
    max: el.max_selected_items, placeholder: textOf(el.placeholder) || 'Choose options', choices: () => known, chosen,
    choose: (list) => picked(field, { type: el.type, [name]: multiple ? list.map(unwrap) : list.length ? unwrap(list[0]) : null }),
  });
}

// ---- Ticks and dates ----------------------------------------------------------------------------------------------------

function ticks(field) {
  const { where, block, el, key, id } = field;
  const several = el.type === 'checkboxes';
  const state = valueOf(where, block, el);
  const chosen = several ? (state.selected_options ?? []) : state.selected_option ? [state.selected_option] : [];
  const has = (option) => chosen.some((other) => other.value === option.value);
  const toggle = (option, on) => {
    if (!several) return picked(field, { type: el.type, selected_option: option });
    const next = el.options.filter((other) => (other.value === option.value ? on : has(other)));
    picked(field, { type: el.type, selected_options: next });
  };
  return h('div', { class: 'ticks', key, role: several ? 'group' : 'radiogroup', ...accessible(field), id, 'aria-labelledby': field.label ? undefined : `${id}-label` },
    el.options.map((option, index) => {
      const describedBy = option.description ? `${id}-${index}-about` : undefined;
      return h('div', { class: 'tick-row', key: option.value },
        h('label', { class: 'tick-label' },
          h('input', { type: several ? 'checkbox' : 'radio', name: id, checked: has(option), 'aria-describedby': describedBy, onchange: (event) => toggle(option, event.target.checked) }),
          h('span', {}, textObject(option.text))),
        option.description && h('span', { class: 'tick-about', id: describedBy }, textObject(option.description)));
    }));
}

const DATES = {
  datepicker: { type: 'date', name: 'selected_date', show: (value) => value ?? '', read: (text) => text || null },
  timepicker: { type: 'time', name: 'selected_time', show: (value) => value ?? '', read: (text) => text || null },
  datetimepicker: { type: 'datetime-local', name: 'selected_date_time', show: localDateTime, read: (text) => (text ? Math.floor(new Date(text).getTime() / 1000) : null) },
};

function localDateTime(seconds) {
  if (!seconds) return '';
  const when = new Date(seconds * 1000);
  return new Date(when.getTime() - when.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function dateInput(field) {
  const { where, block, el, key } = field;
  const { type, name, show, read } = DATES[el.type];
  const state = valueOf(where, block, el);
  const change = (event) => picked(field, { type: el.type, [name]: read(event.target.value) });
  return h('input', { ...accessible(field), key, type, class: 'input input-date', value: show(state[name]), onchange: change });
}

const image = ({ el, key }) => h('img', { class: 'accessory-image', key, src: el.image_url, alt: el.alt_text ?? '' });

const DRAW = {
  button, overflow, image,
  plain_text_input: textInput, number_input: textInput, email_text_input: textInput, url_text_input: textInput,
  static_select: nativeSelect, users_select: nativeSelect, conversations_select: nativeSelect, channels_select: nativeSelect,
  external_select: externalSelect,
  multi_static_select: multiSelect, multi_external_select: multiSelect, multi_users_select: multiSelect,
  multi_conversations_select: multiSelect, multi_channels_select: multiSelect,
  checkboxes: ticks, radio_buttons: ticks, datepicker: dateInput, timepicker: dateInput, datetimepicker: dateInput,
};
