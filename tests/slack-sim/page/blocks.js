// The layout blocks of Block Kit as descriptions of nodes. What can be pressed or filled in is drawn by elements.js.
//
// A block of a kind that this page does not know is shown as a visible placeholder, never silently left out.

import { h } from './dom.js';
import { textObject, textOf, link, mention, channelMention, formatDate } from './text.js';
import { emoji } from './emoji.js';
import { element, idOf } from './elements.js';
import { elementKey, errorOf } from './store.js';

/** `where`: {kind: 'message', channel, ts, blocks} or {kind: 'view', id}; `submit` is what Enter in a field does. */
export function blocks(where, list, submit) {
  return (list ?? []).map((block, index) => {
    const draw = DRAW[block.type];
    const key = block.block_id ?? `${index}`;
    if (!draw) return h('div', { class: 'block unsupported', key }, `[${block.type} block]`);
    return h('div', { class: `block block-${block.type}`, key }, draw(where, block, submit));
  });
}

function section(where, block) {
  return [
    h('div', { class: 'section-main', key: 'main' },
      block.text && h('div', { class: 'section-text' }, textObject(block.text)),
      block.fields && h('div', { class: 'fields' }, block.fields.map((field, index) => h('div', { class: 'field', key: index }, textObject(field))))),
    block.accessory && h('div', { class: 'accessory', key: 'accessory' }, element(where, block, block.accessory, { label: accessoryLabel(block) })),
  ];
}

// A control beside a text has no label of its own: the text, or else its placeholder, names it.
function accessoryLabel(block) {
  if (block.accessory.type === 'button') return undefined;
  return textOf(block.text).replace(/[*_~`]/g, '').split('\n')[0] || textOf(block.accessory.placeholder) || undefined;
}

const NAMES = { datepicker: 'Date', timepicker: 'Time', datetimepicker: 'Date and time', checkboxes: 'Options', radio_buttons: 'Options' };
const actions = (where, block) => block.elements.map((el) => element(where, block, el, { label: textOf(el.placeholder) || NAMES[el.type] }));

function context(where, block) {
  return block.elements.map((el, index) =>
    el.type === 'image'
      ? h('img', { class: 'context-image', src: el.image_url, alt: el.alt_text ?? '', key: index })
      : h('span', { class: 'context-text', key: index }, textObject(el)));
}

const GROUPS = new Set(['checkboxes', 'radio_buttons']);

function input(where, block, submit) {
  const key = elementKey(where, block, block.element);
  const id = idOf(key);
  const error = errorOf(where, block.block_id);
  const described = [block.optional && `${id}-optional`, block.hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ');
  const label = GROUPS.has(block.element.type)
    ? h('span', { class: 'label', id: `${id}-label` }, textObject(block.label))
    : h('label', { class: 'label', for: id }, textObject(block.label));
  return [
    h('div', { class: 'label-row', key: 'label' }, label, block.optional && h('span', { class: 'optional', id: `${id}-optional` }, '(optional)')),
    element(where, block, block.element, { describedBy: described || undefined, invalid: Boolean(error), submit }),
    error && h('p', { class: 'field-error', id: `${id}-error`, key: 'error', role: 'alert' }, error),
    block.hint && h('p', { class: 'hint', id: `${id}-hint`, key: 'hint' }, textObject(block.hint)),
  ];
}

function image(where, block) {
  const source = block.image_url ?? block.slack_file?.url;
  return h('figure', { class: 'image' },
    block.title && h('figcaption', {}, textObject(block.title)),
    h('img', { src: source, alt: block.alt_text ?? '' }));
}

// ---- Rich text ----------------------------------------------------------------------------------------------------------

const richText = (where, block) => block.elements.map(richPart);

function richPart(part) {
  switch (part.type) {
    case 'rich_text_section':
      return h('div', {}, part.elements.map(richElement));
    case 'rich_text_quote':
      return h('blockquote', {}, part.elements.map(richElement));
    case 'rich_text_preformatted':
      return h('pre', { class: 'code-block' }, part.elements.map(richElement));
    case 'rich_text_list':
      return h(part.style === 'ordered' ? 'ol' : 'ul', { class: `indent-${Math.min(part.indent ?? 0, 4)}`, start: part.offset ? part.offset + 1 : undefined },
        part.elements.map((item) => h('li', {}, item.elements.map(richElement))));
    default:
      return h('span', { class: 'unsupported' }, `[${part.type}]`);
  }
}

const STYLES = [['code', 'code'], ['strike', 'del'], ['italic', 'em'], ['bold', 'strong']];

function richElement(el) {
  const inner = richInner(el);
  return STYLES.reduce((node, [style, tag]) => (el.style?.[style] ? h(tag, {}, node) : node), inner);
}

function richInner(el) {
  switch (el.type) {
    case 'text':
      return el.text.split('\n').flatMap((line, index) => (index ? [h('br'), line] : [line]));
    case 'link':
      return link(el.url, el.text ?? el.url);
    case 'user':
      return mention(el.user_id);
    case 'channel':
      return channelMention(el.channel_id);
    case 'usergroup':
      return h('span', { class: 'mention' }, `@${el.usergroup_id}`);
    case 'broadcast':
      return h('span', { class: 'mention mention-me' }, `@${el.range}`);
    case 'emoji':
      return emoji(el.name) ?? `:${el.name}:`;
    case 'date':
      return h('time', {}, formatDate(new Date(el.timestamp * 1000), el.format ?? '{date}'));
    case 'color':
      return h('code', {}, el.value);
    default:
      return `[${el.type}]`;
  }
}

const DRAW = {
  section, actions, context, input, image,
  divider: () => h('hr'),
  header: (where, block) => h('h2', { class: 'header-text' }, textObject(block.text)),
  rich_text: richText,
};
