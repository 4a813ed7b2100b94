// What the page knows: the workspace, one person's view of it, and what that person has typed but not yet sent.
//
// The only module that talks to the server. Everything that a person does goes through `act`, one after another in the
// order in which it was done, so that a submit never overtakes the last keystroke. Nothing here touches the document.

const TYPING_PAUSE_MS = 150; // short enough that a form reacting to typing feels immediate
const RETRY_MS = 1500;

export const store = {
  team: '', app: { name: 'App', bot_user_id: '' }, commands: [], shortcuts: [], people: [],
  names: { users: {}, channels: {} },
  me: null, // id of the person whose eyes we look through
  place: null, // {kind: 'channel' | 'home', id}
  state: null, // the last answer of /page/state for `me`
  offline: false,
  busy: 0, // actions under way
  notices: [], // refusals of this page's own actions: {id, text}
  ui: {}, // open menus, popups, drafts: whatever must survive a refresh but not a reload
};

let listener = () => {};
export function onChange(callback) {
  listener = callback;
}
export const changed = () => listener();

async function getJson(path) {
  const answer = await fetch(path, { headers: { accept: 'application/json' } });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return answer.json();
}

export async function loadWorkspace() {
  const [people, names] = await Promise.all([getJson('/page/people'), getJson('/page/names')]);
  Object.assign(store, people, { names });
}

let refreshing = null;
let again = false;
let retry = null;

/** Fetches the state of the present person. Resolves once a state asked for after this call has arrived. */
export function refresh() {
  if (refreshing) again = true;
  else refreshing = fetchState();
  return refreshing;
}

async function fetchState() {
  do {
    again = false;
    const asked = store.me;
    const started = performance.now();
    try {
      // What answers again may be another program at the same address.
      if (store.offline) await loadWorkspace();
      const state = await getJson(`/page/state?user=${encodeURIComponent(asked)}`);
      if (unknownNames(state)) store.names = await getJson('/page/names');
      if (asked === store.me) {
        adopt(state, started);
        store.offline = false;
      } else again = true;
    } catch {
      store.offline = true;
      clearTimeout(retry);
      retry = setTimeout(refresh, RETRY_MS);
    }
    changed();
  } while (again);
  refreshing = null;
}

function unknownNames(state) {
  return state.channels.some(
    (channel) => !(channel.id in store.names.channels) && ['public', 'private'].includes(channel.kind)
  );
}

/** How much everybody else has not read yet, for the person switcher. */
export async function otherPeople() {
  const others = {};
  await Promise.all(
    store.people.map(async (person) => {
      const state = await getJson(`/page/state?user=${encodeURIComponent(person.id)}`).catch(() => null);
      others[person.id] = (state?.channels ?? []).reduce((sum, channel) => sum + (channel.unread || 0), 0);
    })
  );
  store.ui.others = others;
  changed();
}

let events = null;

/**
 * Hears of changes, for as long as the page is open. A WebSocket, because browsers allow six connections of every other kind to one
 * address, for all tabs together.
 */
function listen() {
  events = new WebSocket(`ws${location.origin.slice('http'.length)}/page/events`);
  // The first word comes with the connection: whatever happened before was missed.
  events.onmessage = refresh;
  events.onclose = () => {
    refresh();
    setTimeout(listen, RETRY_MS);
  };
}

/** Looks through the eyes of `id` from now on. */
export async function become(id) {
  store.me = id;
  store.state = null;
  typed.clear();
  for (const timer of timers.values()) clearTimeout(timer.handle);
  timers.clear();
  store.ui = { drafts: store.ui.drafts ?? {}, unreadFrom: {} };
  store.notices = [];
  if (!events) listen();
  await refresh();
}

let queue = Promise.resolve();
let nextNotice = 1;

/** Does something as the present person; resolves to the server's answer. A refusal becomes a notice. */
export function act(body, { quiet = false } = {}) {
  flush();
  return enqueue(body, quiet);
}

function enqueue(body, quiet) {
  const user = store.me;
  store.busy += 1;
  changed();
  const answer = queue.then(() => send({ user, ...body }));
  queue = answer.then(
    () => {},
    () => {}
  );
  return answer.then(async (result) => {
    store.busy -= 1;
    if (!result.ok && !quiet) notice(result.error || 'That did not work. Try again.');
    changed();
    return result;
  });
}

async function send(body) {
  try {
    const answer = await fetch('/page/action', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return await answer.json();
  } catch {
    return { ok: false, error: 'The workspace cannot be reached. Is the program that serves this page still running?' };
  }
}

export function notice(text) {
  if (store.notices.some((other) => other.text === text)) return;
  store.notices.push({ id: `page-${nextNotice++}`, text });
  fadeToasts();
  changed();
}

const TOAST_MS = 15_000;
const fading = new Set();

function fadeToasts() {
  for (const toast of [...(store.state?.toasts ?? []), ...store.notices]) {
    if (fading.has(toast.id)) continue;
    fading.add(toast.id);
    setTimeout(() => dismiss(toast), TOAST_MS);
  }
}

export function dismiss(toast) {
  store.notices = store.notices.filter((other) => other.id !== toast.id);
  if (store.state?.toasts?.some((other) => other.id === toast.id)) act({ action: 'dismiss_toast', id: toast.id }, { quiet: true });
  changed();
}

// ---- Values of form elements ------------------------------------------------------------------------------------------

// What was typed or picked on this page, by place, block, action and type. An entry wins over the server's value until
// the server has been told and has answered with a newer state.
const typed = new Map(); // key → {state, settled: time or null while unsent, view, block, action}
const timers = new Map(); // key → {handle, send}

export const placeKey = (where) => (where.kind === 'view' ? `view ${where.id}` : `message ${where.channel} ${where.ts}`);
export const elementKey = (where, block, element) =>
  `${placeKey(where)} ${block.block_id ?? ''} ${element.action_id ?? ''} ${element.type}`;

function adopt(state, started) {
  store.state = state;
  fadeToasts();
  const focused = document.activeElement?.dataset?.element;
  for (const [key, entry] of typed) {
    if (!entry.view || entry.settled === null || entry.settled >= started || key === focused) continue;
    const shown = viewOf(entry.view);
    if (!shown || serverValue(shown, entry.block, entry.action)) typed.delete(key);
  }
}

/** The present state of an element, in the shape of Slack's `state.values`. */
export function valueOf(where, block, element) {
  const entry = typed.get(elementKey(where, block, element));
  if (entry) return entry.state;
  const known = where.kind === 'view' && serverValue(viewOf(where.id), block.block_id, element.action_id);
  return known || initialValue(element);
}

const HOME = 'home'; // stands for the Home tab where the server gives its view no id

function viewOf(id) {
  const { view, home } = store.state ?? {};
  if (view?.id === id) return view;
  return home && (home.id ?? HOME) === id ? home : null;
}

const serverValue = (view, blockId, actionId) => view?.state?.values?.[blockId]?.[actionId];

function initialValue(element) {
  const type = element.type;
  switch (type) {
    case 'static_select':
    case 'external_select':
    case 'radio_buttons':
      return { type, selected_option: element.initial_option ?? null };
    case 'multi_static_select':
    case 'multi_external_select':
    case 'checkboxes':
      return { type, selected_options: element.initial_options ?? [] };
    case 'users_select':
      return { type, selected_user: element.initial_user ?? null };
    case 'multi_users_select':
      return { type, selected_users: element.initial_users ?? [] };
    case 'conversations_select':
      return { type, selected_conversation: element.initial_conversation ?? null };
    case 'multi_conversations_select':
      return { type, selected_conversations: element.initial_conversations ?? [] };
    case 'channels_select':
      return { type, selected_channel: element.initial_channel ?? null };
    case 'multi_channels_select':
      return { type, selected_channels: element.initial_channels ?? [] };
    case 'datepicker':
      return { type, selected_date: element.initial_date ?? null };
    case 'timepicker':
      return { type, selected_time: element.initial_time ?? null };
    case 'datetimepicker':
      return { type, selected_date_time: element.initial_date_time ?? null };
    default:
      return { type, value: element.initial_value ?? null };
  }
}

/** Remembers what a person typed or picked. In a view it is sent on, at once or after a pause in typing. */
export function setValue(where, block, element, state, { typing = false, via = 'change' } = {}) {
  const key = elementKey(where, block, element);
  const entry = { state, settled: null, view: where.kind === 'view' ? where.id : null, block: block.block_id, action: element.action_id };
  typed.set(key, entry);
  clearTimeout(timers.get(key)?.handle);
  timers.delete(key);
  clearError(where, block.block_id);
  if (where.kind === 'view') {
    const sendNow = () => {
      timers.delete(key);
      const body = { action: 'input', view_id: where.id, block_id: block.block_id, action_id: element.action_id, value: state, via };
      return enqueue(body, false).then(() => {
        entry.settled = performance.now();
        return refresh();
      });
    };
    if (typing) timers.set(key, { handle: setTimeout(sendNow, TYPING_PAUSE_MS), send: sendNow });
    else sendNow();
  }
  changed();
}

/** Sends what is still waiting for a pause in typing. */
export function flush() {
  for (const timer of [...timers.values()]) {
    clearTimeout(timer.handle);
    timer.send();
  }
}

/** `state.values` of a message: everything in it that holds a value. */
export function messageValues(where, blocks) {
  const values = {};
  for (const block of blocks ?? []) {
    for (const element of elementsOf(block)) {
      if (['button', 'overflow', 'image'].includes(element.type) || !element.action_id) continue;
      (values[block.block_id] ||= {})[element.action_id] = valueOf(where, block, element);
    }
  }
  return values;
}

export const elementsOf = (block) => {
  if (block.type === 'input') return [block.element];
  if (block.type === 'actions') return block.elements;
  if (block.type === 'section' && block.accessory) return [block.accessory];
  return [];
};

// ---- Errors at fields ---------------------------------------------------------------------------------------------------

// A field error disappears when its field is changed, although the server keeps it until the next submit.
const corrected = new Set();

function clearError(where, blockId) {
  corrected.add(`${placeKey(where)} ${blockId}`);
}

export function errorsShownAgain() {
  corrected.clear();
}

export function errorOf(where, blockId) {
  const view = store.state?.view;
  if (where.kind !== 'view' || view?.id !== where.id || corrected.has(`${placeKey(where)} ${blockId}`)) return null;
  return view.errors?.[blockId] ?? null;
}
