// Everything around the conversation: sidebar, person switcher, first-run hint, toasts, icons and avatars.
//
// Describes nodes from `store`. Where a click leads is decided by app.js, which fills in `go`.

import { h } from './dom.js';
import { store, changed, act, dismiss, refresh, otherPeople } from './store.js';

/** Navigation, provided by app.js. */
export const go = { channel: () => {}, home: () => {}, person: () => {} };

/** The two tabs of the app, wherever they are shown. */
export const appHome = {
  open: () => go.home(),
  async openMessages() {
    const known = store.state.channels.find(isAppDm);
    if (known) return go.channel(known.id);
    await openDm(store.app.bot_user_id, isAppDm);
  },
};

async function openDm(id, matches) {
  const before = new Set(store.state.channels.map((channel) => channel.id));
  const answer = await act({ action: 'open_dm', with: id });
  if (!answer.ok) return;
  await refresh();
  const channel = answer.channel ?? store.state.channels.find((other) => matches?.(other) || !before.has(other.id))?.id;
  if (channel) go.channel(channel);
}

export function isAppDm(channel) {
  if (channel.kind !== 'im') return false;
  const bot = store.app.bot_user_id;
  return channel.with ? channel.with === bot : [channel.name, channel.title].some((name) => name === bot || name === store.app.name);
}

// ---- Icons and avatars --------------------------------------------------------------------------------------------------

const PATHS = {
  lock: 'M5 7V5a3 3 0 0 1 6 0v2h.5A1.5 1.5 0 0 1 13 8.5v4a1.5 1.5 0 0 1-1.5 1.5h-7A1.5 1.5 0 0 1 3 12.5v-4A1.5 1.5 0 0 1 4.5 7H5zm1.5 0h3V5a1.5 1.5 0 0 0-3 0v2z',
  eye: 'M8 3.5c3.2 0 5.6 2 7 4.5-1.4 2.5-3.8 4.5-7 4.5S2.4 10.5 1 8c1.4-2.5 3.8-4.5 7-4.5zm0 1.5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zm0 1.5a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3z',
  bolt: 'M9.5 1 3 9h4l-.5 6L13 7H9l.5-6z',
  send: 'M1.7 2.3a.6.6 0 0 1 .85-.7l12 5.9a.6.6 0 0 1 0 1.06l-12 5.9a.6.6 0 0 1-.85-.7L3.3 8.8 9 8l-5.7-.8-1.6-4.9z',
  out: 'M9 2h5v5h-1.5V4.56L7.53 9.53 6.47 8.47l4.97-4.97H9V2zM3.5 4H7v1.5H4v6.5h6.5V9H12v3.5a1 1 0 0 1-1 1H3.5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1z',
  menu: 'M2 4h12v1.5H2V4zm0 3.3h12v1.5H2V7.3zm0 3.2h12V12H2v-1.5z',
  chevron: 'm4 6 4 4 4-4-1-1-3 3-3-3z',
  home: 'M8 1.7 1.5 7.3l1 1.100.5-.4V14h4v-4h2v4h4V8l.5.4 1-1.1z',
  plus: 'M7.25 2.5h1.5v4.75h4.75v1.5H8.75v4.75h-1.5V8.75H2.5v-1.5h4.75z',
};

export function icon(name) {
  return h('svg', { class: `icon icon-${name}`, viewBox: '0 0 16 16', 'aria-hidden': 'true' }, h('path', { d: PATHS[name], fill: 'currentColor' }));
}

const AVATAR_COLOURS = 8;

export function avatar(id, name, isBot = false) {
  if (isBot) return h('span', { class: 'avatar avatar-app', 'aria-hidden': 'true' }, icon('bolt'));
  const initials = (name || '?').split(/[\s._-]+/).filter(Boolean).slice(0, 2).map((word) => [...word][0].toUpperCase()).join('');
  const colour = [...(id || name || '')].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) >>> 0, 7) % AVATAR_COLOURS;
  return h('span', { class: `avatar colour-${colour}`, 'aria-hidden': 'true' }, initials);
}

export const menuButton = () =>
  h('button', { type: 'button', class: 'btn-plain only-narrow', 'aria-label': 'Show sidebar', key: 'menu', onclick: () => ((store.ui.drawer = true), changed()) }, icon('menu'));

// ---- Sidebar ------------------------------------------------------------------------------------------------------------

const nameOf = (person) => person.real_name || person.name;
export const fullName = (id) => store.people.find((person) => person.id === id)?.real_name;
/** What one calls a person: the display name, with a capital letter where it is a bare account name. */
const shortName = (person) => (/^[a-z]+$/.test(person.name) ? person.name[0].toUpperCase() + person.name.slice(1) : person.name || nameOf(person));

export function sidebar() {
  const links = store.state?.links ?? [];
  const channels = store.state?.channels ?? [];
  const mine = channels.filter((channel) => channel.member && !channel.archived);
  const rooms = mine.filter((channel) => channel.kind === 'public' || channel.kind === 'private');
  const others = channels.filter((channel) => channel.kind === 'public' && !channel.member && !channel.archived);
  const archived = channels.filter((channel) => channel.archived && ['public', 'private'].includes(channel.kind));
  const dms = channels.filter((channel) => ['im', 'mpim'].includes(channel.kind) && !isAppDm(channel));
  const appDm = channels.find(isAppDm);
  return h('nav', { class: `sidebar${store.ui.drawer ? ' drawer-open' : ''}`, 'aria-label': 'Workspace', key: 'sidebar' },
    h('div', { class: 'team' }, h('span', { class: 'team-icon', 'aria-hidden': 'true' }, (store.team || '?')[0]),
      h('span', { class: 'team-words' }, h('span', { class: 'team-name' }, store.team), h('small', {}, 'Simulated Slack workspace'))),
    switcher(),
    h('div', { class: 'sidebar-scroll' },
      group('Channels', rooms.map(channelRow)),
      others.length > 0 && group('More channels', others.map(channelRow)),
      archived.length > 0 && group('Archived', archived.map(channelRow)),
      group('Direct messages', [...dms.map(channelRow), newDm()]),
      group('Apps', [
        h('li', { key: 'app' }, row({ label: store.app.name, unread: appDm?.unread, active: store.place?.kind === 'channel' && store.place.id === appDm?.id,
          sign: avatar(store.app.bot_user_id, store.app.name, true), open: () => appHome.openMessages() })),
        h('li', { key: 'home' }, row({ label: `${store.app.name} Home`, active: store.place?.kind === 'home', sign: icon('home'), open: () => appHome.open() })),
      ]),
      links.length > 0 && group('Links', links.map((item) => h('li', { key: item.url },
        h('a', { class: 'row', href: item.url, target: '_blank', rel: 'noopener' }, h('span', { class: 'sign' }, icon('out')), h('span', { class: 'row-label' }, item.label)))))));
}

const group = (title, rows) => h('section', { class: 'side-group', key: title }, h('h2', {}, title), h('ul', {}, rows));

function row({ label, unread, active, sign, open, muted }) {
  return h('button', { type: 'button', class: `row${active ? ' active' : ''}${unread ? ' unread' : ''}${muted ? ' muted' : ''}`, 'aria-current': active ? 'page' : undefined, onclick: open },
    h('span', { class: 'sign', 'aria-hidden': 'true' }, sign), h('span', { class: 'row-label' }, label),
    unread > 0 && h('span', { class: 'badge', 'aria-label': `${unread} unread` }, unread > 99 ? '99+' : unread));
}

function channelRow(channel) {
  const dm = ['im', 'mpim'].includes(channel.kind);
  const label = dm ? channel.title || channel.name : channel.name;
  const sign = channel.kind === 'private' ? icon('lock') : channel.kind === 'im' ? avatar(channel.with ?? label, label) : channel.kind === 'mpim' ? h('span', { class: 'avatar colour-3' }, label.split(',').length) : '#';
  return h('li', { key: channel.id }, row({ label, unread: channel.unread, sign, muted: !channel.member && !dm, active: store.place?.kind === 'channel' && store.place.id === channel.id, open: () => go.channel(channel.id) }));
}

function newDm() {
  const open = store.ui.menu === 'dm';
  const people = store.people.filter((person) => person.id !== store.me);
  return h('li', { key: 'new', 'data-menu': '', class: 'has-menu' },
    h('button', { type: 'button', class: 'row row-add', 'aria-haspopup': 'menu', 'aria-expanded': String(open), onclick: () => ((store.ui.menu = open ? null : 'dm'), changed()) },
      h('span', { class: 'sign', 'aria-hidden': 'true' }, icon('plus')), h('span', { class: 'row-label' }, 'New message')),
    open && h('div', { class: 'menu', role: 'menu', 'aria-label': 'Write to' }, people.map((person) =>
      h('button', { type: 'button', class: 'menu-item with-avatar', role: 'menuitem', key: person.id, onclick: () => ((store.ui.menu = null), openDm(person.id, (channel) => channel.with === person.id)) },
        avatar(person.id, nameOf(person)), nameOf(person)))));
}

const roleOf = (person) => (person.is_admin ? 'admin' : person.is_guest ? 'guest' : 'member');

function switcher() {
  const me = store.people.find((person) => person.id === store.me);
  if (!me) return null;
  const open = store.ui.menu === 'people';
  const toggle = () => {
    store.ui.menu = open ? null : 'people';
    if (!open) otherPeople();
    changed();
  };
  return h('div', { class: 'switcher', 'data-menu': '', key: 'switcher' },
    h('button', { type: 'button', class: 'switch-button', 'aria-haspopup': 'menu', 'aria-expanded': String(open), title: 'Look at the workspace as somebody else', onclick: toggle },
      avatar(me.id, nameOf(me)),
      h('span', { class: 'switch-words' }, h('span', { class: 'switch-name' }, 'You are ', h('b', {}, shortName(me))), h('small', {}, [me.title, roleOf(me)].filter(Boolean).join(' · '))),
      icon('chevron')),
    open && h('div', { class: 'menu people-menu', role: 'menu', 'aria-label': 'Switch person' },
      h('p', { class: 'menu-note' }, 'See and do what another person would'),
      store.people.map((person) => {
        const unread = store.ui.others?.[person.id] ?? 0;
        return h('button', { type: 'button', class: 'menu-item with-avatar', role: 'menuitemradio', 'aria-checked': String(person.id === store.me), key: person.id, onclick: () => go.person(person.id) },
          avatar(person.id, nameOf(person)),
          h('span', { class: 'person-words' }, h('span', {}, nameOf(person)), h('small', {}, person.title || roleOf(person))),
          person.is_admin && h('span', { class: 'role' }, 'admin'), person.is_guest && h('span', { class: 'role role-guest' }, 'guest'),
          unread > 0 && person.id !== store.me && h('span', { class: 'badge', 'aria-label': `${unread} unread` }, unread),
          person.id === store.me && h('span', { class: 'tick', 'aria-hidden': 'true' }, '✓'));
      })));
}

// ---- First-run hint -----------------------------------------------------------------------------------------------------

const HINT_SEEN = 'slack-sim hint dismissed';

export function hint() {
  const command = store.commands[0]?.command;
  if (!command || store.ui.hintGone || stored(HINT_SEEN)) return null;
  const room = store.state?.channels.find((channel) => channel.name === 'general' && channel.member) ?? store.state?.channels.find((channel) => channel.kind === 'public' && channel.member);
  const close = () => {
    store.ui.hintGone = true;
    try {
      localStorage.setItem(HINT_SEEN, 'yes');
    } catch {
      // Storage may be switched off: then the hint stays away until the page is loaded again.
    }
    changed();
  };
  const type = () => {
    if (!room) return;
    (store.ui.drafts ||= {})[`${store.me} ${room.id}`] = command;
    go.channel(room.id);
    setTimeout(() => document.getElementById('composer')?.focus());
  };
  return h('aside', { class: 'first-run', 'aria-label': 'How to try this', key: 'hint' },
    h('ol', {},
      h('li', {}, 'Type ', h('button', { type: 'button', class: 'type-it', onclick: type }, command), room && ` in #${room.name}`, ', press Enter'),
      h('li', {}, 'Fill in and submit the form'),
      h('li', {}, 'Become somebody else (top left) to answer')),
    h('button', { type: 'button', class: 'btn-plain', 'aria-label': 'Dismiss hint', onclick: close }, '×'));
}

function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

// ---- Toasts -------------------------------------------------------------------------------------------------------------

export function toasts() {
  const all = [...(store.state?.toasts ?? []), ...store.notices];
  return h('div', { class: 'toasts', role: 'status', 'aria-live': 'polite', key: 'toasts' },
    store.offline && h('div', { class: 'toast toast-offline', key: 'offline' }, h('span', {}, 'No connection to the workspace. Is the program that serves this page still running? Trying again…')),
    all.map((toast) => h('div', { class: 'toast', key: toast.id, role: 'alert' },
      h('span', {}, toast.text), h('button', { type: 'button', class: 'btn-plain', 'aria-label': 'Dismiss', onclick: () => dismiss(toast) }, '×'))));
}
