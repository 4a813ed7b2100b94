// Entry of the page: loads the workspace, keeps the address bar, the person and the place in step, and redraws.
//
// The address says who is looking at what (`#U123/C456`, `#U123/home`): a reload stays where it was, and two windows can
// look through two people's eyes.

import { h, patch } from './dom.js';
import { store, onChange, changed, loadWorkspace, become, act, refresh } from './store.js';
import { workspace } from './text.js';
import { channelLabel } from './elements.js';
import { conversation, home } from './messages.js';
import { sidebar, hint, toasts, go } from './shell.js';
import { modal, confirmation, close, focusFirst } from './modal.js';

const root = document.getElementById('page');

// ---- Drawing ------------------------------------------------------------------------------------------------------------

let scheduled = false;
onChange(() => {
  if (scheduled) return;
  scheduled = true;
  queueMicrotask(() => {
    scheduled = false;
    draw();
  });
});

const NEAR_BOTTOM_PX = 60;

function draw() {
  Object.assign(workspace, store.names, { me: store.me, openChannel: go.channel });
  const channel = place();
  const covered = Boolean(store.state?.view || store.ui.confirm);
  const focused = document.activeElement;
  const scroller = root.querySelector('.scroller');
  const pinned = scroller && scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_BOTTOM_PX;

  patch(root, [
    h('div', { class: 'progress', key: 'progress', hidden: store.busy === 0 }),
    h('div', { class: 'shell', key: 'shell', inert: covered },
      sidebar(),
      store.ui.drawer && h('div', { class: 'drawer-shade', key: 'shade', onclick: () => ((store.ui.drawer = false), changed()) }),
      h('main', { class: 'pane', key: 'pane' }, hint(), channel === 'home' ? home() : channel ? conversation(channel) : h('p', { class: 'beginning' }, 'Loading…'))),
    h('div', { key: 'modal-layer', inert: Boolean(store.ui.confirm) }, modal()),
    confirmation(),
    toasts(),
  ]);

  const after = root.querySelector('.scroller');
  if (pinned && after === scroller && after.getAttribute('role') === 'log') after.scrollTop = after.scrollHeight;
  growComposer();
  placeFocus(focused);
  title(channel);
  read(channel);
}

function growComposer() {
  const box = document.getElementById('composer');
  if (!box) return;
  box.style.height = 'auto';
  box.style.height = `${Math.min(box.scrollHeight, 200)}px`;
}

let hadDialog = false;
let emptyDialog = false;

/**
 * Gives the focus a place when this drawing took it away: the element that had it is gone, a dialog was closed, or one that had
 * nothing to fill in ("Loading…") now has. Never otherwise: between the blur of one field and the focus of the next nothing has the
 * focus, and drawings happen there too.
 */
function placeFocus(before) {
  const dialog = root.querySelector('[role=alertdialog]') ?? root.querySelector('[role=dialog]');
  const lost = before && before !== document.body && !before.isConnected;
  if (dialog && (lost || (emptyDialog && document.activeElement === dialog))) focusFirst(dialog);
  else if (!dialog && (lost || (hadDialog && document.activeElement === document.body))) document.getElementById('composer')?.focus({ preventScroll: true });
  hadDialog = Boolean(dialog);
  emptyDialog = hadDialog && !dialog.querySelector('input, textarea, select');
}

function title(channel) {
  const unread = (store.state?.channels ?? []).reduce((sum, other) => sum + (other.unread || 0), 0);
  const name = channel === 'home' ? `${store.app.name} Home` : channel ? channelLabel(channel) : '';
  document.title = `${unread ? `(${unread}) ` : ''}${[name, store.team].filter(Boolean).join(' – ')}`;
}

// ---- Place and person ---------------------------------------------------------------------------------------------------

function place() {
  if (!store.state) return null;
  if (store.place?.kind === 'home') return 'home';
  const channels = store.state.channels;
  const wanted = channels.find((channel) => channel.id === store.place?.id);
  if (wanted) return wanted;
  const fallback = channels.find((channel) => channel.name === 'general' && channel.member) ?? channels.find((channel) => channel.member) ?? channels[0];
  store.place = fallback ? { kind: 'channel', id: fallback.id } : null;
  return fallback ?? null;
}

function read(channel) {
  if (!channel || channel === 'home' || !channel.unread || document.hidden || store.ui.reading === channel.id) return;
  const unread = channel.messages.filter((message) => !message.ephemeral && message.user !== store.me).slice(-channel.unread);
  if (unread.length && !store.ui.unreadFrom[channel.id]) store.ui.unreadFrom[channel.id] = unread[0].ts;
  store.ui.reading = channel.id;
  act({ action: 'read', channel: channel.id }, { quiet: true }).then(async () => {
    await refresh();
    store.ui.reading = null;
  });
}

/** The app learns of it whenever somebody comes to its Home tab: that is when it fills it. */
function arrived() {
  if (store.place?.kind === 'home') act({ action: 'open_home' }, { quiet: true }).then(refresh);
}

function show(next) {
  // The line that says "New" belongs to one visit of a channel.
  if (next.id !== store.place?.id && store.ui.unreadFrom) delete store.ui.unreadFrom[store.place?.id];
  store.place = next;
  store.ui.drawer = false;
  store.ui.menu = null;
  const address = `#${store.me}/${next.kind === 'home' ? 'home' : next.id}`;
  if (location.hash !== address) history.pushState(null, '', address);
  arrived();
  changed();
}

go.channel = (id) => show({ kind: 'channel', id });
go.home = () => show({ kind: 'home' });
go.person = async (id) => {
  if (id === store.me) {
    store.ui.menu = null;
    return changed();
  }
  const there = store.place;
  await become(id);
  const channel = store.state?.channels.find((other) => other.id === there?.id && (other.member || other.kind === 'public'));
  show(there?.kind === 'home' || channel ? there : { kind: 'channel', id: store.state?.channels.find((other) => other.member)?.id });
};

function fromAddress() {
  const [person, where] = location.hash.slice(1).split('/').map(decodeURIComponent);
  return { person: store.people.find((other) => other.id === person)?.id, place: where === 'home' ? { kind: 'home' } : where ? { kind: 'channel', id: where } : null };
}

addEventListener('popstate', async () => {
  const { person, place: next } = fromAddress();
  if (person && person !== store.me) await become(person);
  if (next) store.place = next;
  arrived();
  changed();
});

// ---- Keys and clicks anywhere -------------------------------------------------------------------------------------------

addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  if (store.ui.confirm) store.ui.confirm = null;
  else if (store.ui.menu) store.ui.menu = null;
  else if (store.ui.drawer) store.ui.drawer = false;
  else if (store.state?.view) close(store.state.view, false);
  changed();
});

addEventListener('click', (event) => {
  if (!store.ui.menu || event.target.closest?.('[data-menu]')) return;
  store.ui.menu = null;
  changed();
});

addEventListener('keydown', (event) => {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const menu = document.activeElement?.closest('[data-menu]')?.querySelector('[role=menu]');
  if (!menu) return;
  const items = [...menu.querySelectorAll('[role^=menuitem]')];
  const at = items.indexOf(document.activeElement);
  event.preventDefault();
  items[(at + (event.key === 'ArrowDown' ? 1 : -1) + items.length) % items.length]?.focus();
});

document.addEventListener('visibilitychange', changed);

// ---- Start --------------------------------------------------------------------------------------------------------------

const START_RETRY_MS = 1000;

async function start() {
  try {
    await loadWorkspace();
  } catch {
    store.offline = true;
    changed();
    setTimeout(start, START_RETRY_MS);
    return;
  }
  const wanted = fromAddress();
  store.place = wanted.place;
  await become(wanted.person ?? store.people[0]?.id);
  arrived();
}

start();
