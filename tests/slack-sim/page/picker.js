// A field to type in with a list of choices below it: the selects that take several choices, and those whose choices
// come from the app while one types (`suggest`). Selects of one choice out of a known list are native (elements.js).

import { h } from './dom.js';
import { store, changed, act } from './store.js';

const SUGGEST_PAUSE_MS = 150;
const DEFAULT_MIN_QUERY = 3; // Slack's default of min_query_length

/**
 * `field`: {key, id, label, placeholder, describedBy, invalid, multiple, max, where, block, element, external,
 * choices() → [{label, description, group, value}], chosen: [{label, value}], choose(list)}
 */
export function picker(field) {
  const ui = (store.ui[`picker ${field.key}`] ||= { open: false, query: '', active: 0, found: [], loading: false, asked: 0, error: null });
  const options = visibleOptions(field, ui);
  const full = field.multiple && field.max && field.chosen.length >= field.max;
  const listId = `${field.id}-list`;
  const shownQuery = ui.open || field.multiple ? ui.query : (field.chosen[0]?.label ?? '');

  const open = () => {
    if (ui.open) return;
    Object.assign(ui, { open: true, query: '', active: 0, found: [], error: null });
    if (field.external) suggest(field, ui);
    changed();
  };
  const close = () => {
    Object.assign(ui, { open: false, query: '' });
    changed();
  };
  const take = (option) => {
    if (field.multiple) {
      const has = field.chosen.some((other) => other.value === option.value);
      if (!has && full) return;
      field.choose(has ? field.chosen.filter((other) => other.value !== option.value) : [...field.chosen, option]);
      ui.query = '';
      if (field.external) suggest(field, ui);
      changed();
    } else {
      field.choose([option]);
      close();
    }
  };
  const keys = (event) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (!ui.open) return open();
      const step = event.key === 'ArrowDown' ? 1 : -1;
      ui.active = options.length ? (ui.active + step + options.length) % options.length : 0;
      changed();
    } else if (event.key === 'Enter') {
      event.preventDefault();
      event.stopPropagation();
      if (ui.open && options[ui.active]) take(options[ui.active]);
      else open();
    } else if (event.key === 'Escape' && ui.open) {
      event.stopPropagation();
      close();
    } else if (event.key === 'Backspace' && !ui.query && field.multiple && field.chosen.length) {
      field.choose(field.chosen.slice(0, -1));
    }
  };

  return h('div', { class: 'picker', key: field.key },
    h('div', { class: `picker-box${field.invalid ? ' invalid' : ''}` },
      field.multiple && field.chosen.map((option) =>
        h('span', { class: 'token', key: option.value }, h('span', { class: 'token-label' }, option.label),
          h('button', { type: 'button', class: 'token-remove', 'aria-label': `Remove ${option.label}`,
            onclick: () => field.choose(field.chosen.filter((other) => other.value !== option.value)) }, '×'))),
      h('input', {
        key: 'query', type: 'text', id: field.id, role: 'combobox', autocomplete: 'off', spellcheck: 'false',
        'aria-label': field.label, 'aria-expanded': String(ui.open), 'aria-controls': listId, 'aria-autocomplete': 'list',
        'aria-activedescendant': ui.open && options[ui.active] ? `${listId}-${ui.active}` : undefined,
        'aria-describedby': field.describedBy, 'aria-invalid': field.invalid ? 'true' : undefined, 'data-element': field.key,
        placeholder: field.multiple && field.chosen.length ? '' : field.placeholder, value: shownQuery,
        onfocus: open, onclick: open, onblur: close, onkeydown: keys,
        oninput: (event) => {
          Object.assign(ui, { open: true, query: event.target.value, active: 0 });
          if (field.external) suggest(field, ui);
          changed();
        },
      }),
      !field.multiple && field.chosen.length > 0 &&
        h('button', { type: 'button', class: 'picker-clear', 'aria-label': 'Clear', key: 'clear', onclick: () => field.choose([]) }, '×')),
    ui.open && h('ul', {
      class: 'picker-list', id: listId, role: 'listbox', key: `list ${options.length} ${full}`, 'aria-label': field.label, 'aria-multiselectable': field.multiple ? 'true' : undefined,
      mounted: (el) => el.scrollIntoView({ block: 'nearest' }),
      // Keeps the focus in the field, so that picking several in a row works.
      onmousedown: (event) => event.preventDefault(),
    }, list(field, ui, options, listId, full, take)));
}

function list(field, ui, options, listId, full, take) {
  if (ui.error) return h('li', { class: 'picker-note' }, ui.error);
  if (field.external && ui.loading && !options.length) return h('li', { class: 'picker-note' }, 'Loading…');
  const missing = minQuery(field) - ui.query.length;
  if (field.external && missing > 0) return h('li', { class: 'picker-note' }, `Type ${missing === 1 ? 'one more character' : `${missing} more characters`} to search`);
  if (!options.length) return h('li', { class: 'picker-note' }, 'No results');
  const rows = [];
  let group = null;
  options.forEach((option, index) => {
    if (option.group && option.group !== group) rows.push(h('li', { class: 'picker-group', role: 'presentation', key: `group ${option.group}` }, option.group));
    group = option.group;
    const selected = field.chosen.some((other) => other.value === option.value);
    rows.push(h('li', {
      key: `option ${index} ${option.value}`, id: `${listId}-${index}`, role: 'option', 'aria-selected': String(selected),
      'aria-disabled': full && !selected ? 'true' : undefined,
      class: `picker-option${index === ui.active ? ' active' : ''}`,
      onmousemove: () => {
        if (ui.active !== index) {
          ui.active = index;
          changed();
        }
      },
      onclick: () => take(option),
    }, h('span', {}, option.label), option.description && h('small', {}, option.description), selected && h('span', { class: 'tick', 'aria-hidden': 'true' }, '✓')));
  });
  if (full) rows.push(h('li', { class: 'picker-note', key: 'full' }, `At most ${field.max} can be chosen`));
  return rows;
}

function visibleOptions(field, ui) {
  if (field.external) return ui.found;
  const query = ui.query.trim().toLowerCase();
  return field.choices().filter((option) => option.label.toLowerCase().includes(query));
}

const minQuery = (field) => field.element.min_query_length ?? DEFAULT_MIN_QUERY;

function suggest(field, ui) {
  clearTimeout(ui.timer);
  if (ui.query.length < minQuery(field)) {
    Object.assign(ui, { found: [], loading: false });
    return;
  }
  ui.loading = true;
  ui.timer = setTimeout(async () => {
    const number = ++ui.asked;
    const { where, block, element } = field;
    const place = where.kind === 'view' ? { view_id: where.id } : { channel: where.channel, ts: where.ts };
    const answer = await act({ action: 'suggest', ...place, block_id: block.block_id, action_id: element.action_id, query: ui.query }, { quiet: true });
    if (number !== ui.asked) return; // an answer to what has been overtyped
    Object.assign(ui, { loading: false, active: 0, found: answer.ok ? choicesFrom(answer) : [], error: answer.ok ? null : answer.error || 'The app did not answer.' });
    changed();
  }, SUGGEST_PAUSE_MS);
}

/** Options or option groups of Block Kit as choices. */
export function choicesFrom({ options, option_groups }) {
  if (option_groups) return option_groups.flatMap((group) => group.options.map((option) => choice(option, group.label?.text)));
  return (options ?? []).map((option) => choice(option));
}

const choice = (option, group) => ({ label: option.text.text, description: option.description?.text, group, value: option.value, raw: option });
