// Slack's text: mrkdwn, plain text, dates and mentions, from a string to descriptions of nodes (dom.js).
//
// Pure apart from the local time zone of the browser. Names of people and channels come from `names`; what a click on a
// channel does comes from `openChannel`. Used by blocks.js for every text object and by messages.js for plain messages.

import { h } from './dom.js';
import { emoji } from './emoji.js';

const ENTITIES = { '&amp;': '&', '&lt;': '<', '&gt;': '>' };
const unescape = (text) => text.replace(/&(amp|lt|gt);/g, (entity) => ENTITIES[entity]);

// Anything else (javascript:, data:, file:) is shown as text.
const SAFE_LINK = /^(https?:\/\/|mailto:|tel:|slack:\/\/)/i;

/** What a text needs to know about the workspace; set once per refresh by app.js. */
export const workspace = { users: {}, channels: {}, me: null, openChannel: () => {} };

export function link(url, label) {
  const address = unescape(url);
  if (!SAFE_LINK.test(address)) return label ?? address;
  return h('a', { href: address, target: '_blank', rel: 'noopener noreferrer' }, label ?? address);
}

export function mention(id) {
  const name = workspace.users[id] ?? id;
  return h('span', { class: id === workspace.me ? 'mention mention-me' : 'mention' }, `@${name}`);
}

export function channelMention(id, name) {
  const shown = workspace.channels[id] ?? name;
  if (!shown) return h('span', { class: 'mention' }, '#private-channel');
  return h('a', { class: 'mention', href: '#', onclick: (e) => (e.preventDefault(), workspace.openChannel(id)) }, `#${shown}`);
}

/** A text object (`{type, text}`) of a block. */
export function textObject(object) {
  if (!object) return [];
  if (object.type === 'mrkdwn') return mrkdwn(object.text ?? '', { verbatim: object.verbatim });
  return plain(object.text ?? '', object.emoji !== false);
}

/** The bare characters of a text object: for labels, titles and attributes. */
export function textOf(object) {
  return emojiText(unescape(object?.text ?? ''));
}

export function plain(text, withEmoji = true) {
  const shown = withEmoji ? emojiText(unescape(text)) : unescape(text);
  return withBreaks(shown);
}

const emojiText = (text) => text.replace(/:([a-z0-9_+'-]+(?:::skin-tone-[2-6])?):/g, (all, name) => emoji(name) ?? all);

function withBreaks(text) {
  return text.split('\n').flatMap((line, index) => (index === 0 ? [line] : [h('br'), line]));
}

/** Slack's mrkdwn. */
export function mrkdwn(text, options = {}) {
  const out = [];
  const parts = text.split('```');
  // An odd number of fences leaves the last one as it was written.
  if (parts.length % 2 === 0) parts.push(parts.splice(-2).join('```'));
  parts.forEach((part, index) => {
    if (index % 2 === 1) out.push(h('pre', { class: 'code-block' }, codeText(part.replace(/^\n|\n$/g, ''))));
    else out.push(...paragraphs(index > 0 ? part.replace(/^\n/, '') : part, options));
  });
  return out;
}

function paragraphs(text, options) {
  const out = [];
  let quote = [];
  const closeQuote = () => {
    if (quote.length) out.push(h('blockquote', {}, lines(quote, options)));
    quote = [];
  };
  let plainLines = [];
  const closePlain = () => {
    if (plainLines.length) out.push(...lines(plainLines, options));
    plainLines = [];
  };
  for (const line of text.split('\n')) {
    const quoted = /^(?:&gt;|>) ?(.*)$/.exec(line);
    if (quoted) {
      closePlain();
      quote.push(quoted[1]);
    } else {
      closeQuote();
      plainLines.push(line);
    }
  }
  closeQuote();
  closePlain();
  return out;
}

function lines(list, options) {
  return list.flatMap((line, index) => (index === 0 ? inline(line, options) : [h('br'), ...inline(line, options)]));
}

// Inside code nothing is formatted, but `<https://…>` still means its address.
function codeText(text) {
  return unescape(text.replace(/<([^<>|\s]+)(?:\|([^<>]*))?>/g, (all, url, label) => (SAFE_LINK.test(url) ? label || url : all)));
}

const STYLES = { '*': 'strong', _: 'em', '~': 'del' };

function inline(text, options) {
  const out = [];
  let buffer = '';
  const flush = () => {
    if (buffer) out.push(...words(buffer, options));
    buffer = '';
  };
  for (let i = 0; i < text.length; ) {
    const rest = text.slice(i);
    const previous = i === 0 ? '' : text[i - 1];
    const code = /^`([^`]+)`/.exec(rest);
    if (code) {
      flush();
      out.push(h('code', {}, codeText(code[1])));
      i += code[0].length;
      continue;
    }
    const angle = /^<([^<>]+)>/.exec(rest);
    if (angle) {
      flush();
      out.push(...angled(angle[1]));
      i += angle[0].length;
      continue;
    }
    const tag = STYLES[rest[0]];
    if (tag && !/[\p{L}\p{N}]/u.test(previous)) {
      const end = closing(text, i, rest[0]);
      if (end > 0) {
        flush();
        out.push(h(tag, {}, inline(text.slice(i + 1, end), options)));
        i = end + 1;
        continue;
      }
    }
    buffer += text[i];
    i += 1;
  }
  flush();
  return out;
}

/** Where the style opened at `start` by `mark` ends, or -1. Marks inside code and angle brackets do not count. */
function closing(text, start, mark) {
  if (start + 1 >= text.length || /\s/.test(text[start + 1]) || text[start + 1] === mark) return -1;
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '<' || text[i] === '`') {
      const end = text.indexOf(text[i] === '<' ? '>' : '`', i + 1);
      if (end > 0) i = end;
      continue;
    }
    if (text[i] === mark && !/\s/.test(text[i - 1]) && !/[\p{L}\p{N}]/u.test(text[i + 1] ?? '')) return i;
  }
  return -1;
}

function words(text, options) {
  if (options.verbatim) return [emojiText(unescape(text))];
  const out = [];
  let last = 0;
  for (const found of text.matchAll(/https?:\/\/[^\s<>]+[^\s<>.,;:!?)\]'"]/g)) {
    out.push(emojiText(unescape(text.slice(last, found.index))), link(found[0]));
    last = found.index + found[0].length;
  }
  out.push(emojiText(unescape(text.slice(last))));
  return out;
}

function angled(inner) {
  const bar = inner.indexOf('|');
  const target = bar < 0 ? inner : inner.slice(0, bar);
  const label = bar < 0 ? null : unescape(inner.slice(bar + 1));
  if (target.startsWith('@')) return [mention(target.slice(1))];
  if (target.startsWith('#')) return [channelMention(target.slice(1), label)];
  if (target.startsWith('!date^')) return [date(target, label)];
  if (target.startsWith('!subteam^')) return [h('span', { class: 'mention' }, label ?? '@group')];
  if (target.startsWith('!')) return [h('span', { class: 'mention mention-me' }, `@${label ?? target.slice(1)}`)];
  return [link(target, label === null ? null : emojiText(label))];
}

function date(target, fallback) {
  const [, seconds, format, url] = /^!date\^(\d+)\^([^^]*)(?:\^(.*))?$/.exec(target) ?? [];
  if (!seconds) return fallback ?? '';
  const when = new Date(Number(seconds) * 1000);
  const shown = h('time', { datetime: when.toISOString(), title: when.toLocaleString() }, formatDate(when, format));
  return url ? link(url, shown) : shown;
}

const DAY_MS = 86_400_000;
const startOfDay = (when) => new Date(when.getFullYear(), when.getMonth(), when.getDate()).getTime();

/** "Today", "Yesterday", "Tomorrow" or null. */
export function nearDay(when, now = new Date()) {
  const days = Math.round((startOfDay(when) - startOfDay(now)) / DAY_MS);
  return { 0: 'Today', '-1': 'Yesterday', 1: 'Tomorrow' }[days] ?? null;
}

export function formatDate(when, format) {
  const as = (options) => when.toLocaleDateString('en-US', options);
  const day = {
    date_num: () => `${when.getFullYear()}-${String(when.getMonth() + 1).padStart(2, '0')}-${String(when.getDate()).padStart(2, '0')}`,
    date: () => as({ year: 'numeric', month: 'long', day: 'numeric' }),
    date_short: () => as({ year: 'numeric', month: 'short', day: 'numeric' }),
    date_long: () => as({ weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' }),
  };
  return format.replace(/\{(\w+)\}/g, (all, name) => {
    if (name === 'time') return clock(when);
    if (name === 'time_secs') return clock(when, true);
    if (name === 'ago') return ago(when);
    if (day[name]) return day[name]();
    const pretty = /^(date(?:_short|_long)?)_pretty$/.exec(name);
    if (!pretty) return all;
    const near = nearDay(when);
    if (!near) return day[pretty[1]]();
    return all === format.slice(0, all.length) ? near : near.toLowerCase();
  });
}

export function clock(when, seconds = false) {
  const two = (n) => String(n).padStart(2, '0');
  return `${two(when.getHours())}:${two(when.getMinutes())}${seconds ? `:${two(when.getSeconds())}` : ''}`;
}

function ago(when) {
  const minutes = Math.round((Date.now() - when.getTime()) / 60_000);
  const [count, unit] = Math.abs(minutes) < 60 ? [minutes, 'minute'] : Math.abs(minutes) < 1440 ? [Math.round(minutes / 60), 'hour'] : [Math.round(minutes / 1440), 'day'];
  if (count === 0) return 'just now';
  const many = `${Math.abs(count)} ${unit}${Math.abs(count) === 1 ? '' : 's'}`;
  return count > 0 ? `${many} ago` : `in ${many}`;
}
