// The main pane: one conversation with its messages and the composer, or the app's Home tab.
//
// Describes nodes from `store`; what a person does here goes to the server through `act`.

import { h } from './dom.js';
import { store, changed, act, refresh, elementsOf } from './store.js';
import { mrkdwn, nearDay, clock } from './text.js';
import { blocks } from './blocks.js';
import { channelLabel } from './elements.js';
import { avatar, icon, fullName, isAppDm, menuButton, appHome } from './shell.js';

const GROUP_WITHIN_SECONDS = 300; // messages of one person closer than this share a header, as in Slack

export function conversation(channel) {
  return [
    h('header', { class: 'pane-head', key: 'head' },
      menuButton(),
      h('h1', {}, channel.kind === 'private' ? [icon('lock'), channel.name] : channelLabel(channel)),
      topic(channel) && h('span', { class: 'topic' }, topic(channel)),
      isAppDm(channel) && appTabs('messages')),
    h('div', { class: 'scroller', key: `list ${channel.id}`, role: 'log', 'aria-label': `Messages in ${channelLabel(channel)}`, tabindex: '0',
      mounted: (el) => (el.scrollTop = el.scrollHeight) },
      h('div', { class: 'messages' }, beginning(channel), messageList(channel))),
    composer(channel),
  ];
}

const topic = (channel) => (isDm(channel) || channel.title === channel.name || channel.title === `#${channel.name}` ? '' : channel.title);
export const isDm = (channel) => channel.kind === 'im' || channel.kind === 'mpim';

function beginning(channel) {
  const name = channelLabel(channel);
  const text = isAppDm(channel) ? `What ${name} writes to you. Nobody else sees it.`
    : isDm(channel) ? `The beginning of your conversation with ${name}.`
    : `The beginning of ${channel.kind === 'private' ? 'this private channel' : 'this channel'}.`;
  const command = !channel.archived && store.commands[0];
  return h('div', { class: 'beginning', key: 'beginning' }, h('strong', {}, name), h('p', {}, text, command && [' Type ', h('code', {}, command.command), ' to start.']));
}

function messageList(channel) {
  const out = [];
  const where = store.ui.unreadFrom?.[channel.id];
  let day = null;
  let previous = null;
  for (const message of channel.messages) {
    const when = new Date(Number(message.ts) * 1000);
    const today = when.toDateString();
    if (today !== day) {
      out.push(h('div', { class: 'day', key: `day ${today}` }, h('span', {}, nearDay(when) ?? when.toLocaleDateString('en-US', { weekday: 'long', month: 'long', day: 'numeric' }))));
      day = today;
      previous = null;
    }
    if (where === message.ts) {
      out.push(h('div', { class: 'new-line', key: 'new' }, h('span', {}, 'New')));
      previous = null;
    }
    const follows = previous && !message.ephemeral && !previous.ephemeral && !message.blocks && !previous.replies?.length && previous.user === message.user
      && Number(message.ts) - Number(previous.ts) < GROUP_WITHIN_SECONDS;
    out.push(messageRow(channel, message, follows));
    previous = message;
  }
  return out;
}

// Descriptions of messages without anything to press or fill in: they change only with a new state, not with a keystroke.
const described = new WeakMap();

function messageRow(channel, message, follows = false) {
  if (message.replies?.length || message.blocks?.some((block) => elementsOf(block).length)) return describe(channel, message, follows);
  const known = described.get(message);
  if (known?.follows === follows && known.names === store.names) return known.row;
  const row = describe(channel, message, follows);
  described.set(message, { follows, names: store.names, row });
  return row;
}

function describe(channel, message, follows) {
  const where = { kind: 'message', channel: channel.id, ts: message.ts, version: message.version, blocks: message.blocks };
  const name = message.user_name || store.names.users[message.user] || message.user;
  const time = clock(new Date(Number(message.ts) * 1000));
  const edited = message.edited && h('span', { class: 'edited', key: 'edited' }, '(edited)');
  return h('article', { class: `message${follows ? ' follows' : ''}${message.ephemeral ? ' ephemeral' : ''}`, key: `${message.ts} ${message.ephemeral}`, 'data-ts': message.ts, 'aria-label': `${name} at ${time}` },
    h('div', { class: 'gutter', key: 'gutter' }, follows ? h('time', {}, time) : avatar(message.user, fullName(message.user) || name, message.is_bot)),
    h('div', { class: 'message-main', key: 'main' },
      message.ephemeral && h('div', { class: 'only-you', key: 'only' }, icon('eye'), 'Only visible to you'),
      !follows && h('div', { class: 'message-head', key: 'head' }, h('span', { class: 'name' }, name), message.is_bot && h('span', { class: 'app-badge' }, 'APP'), h('time', {}, time)),
      message.blocks?.length
        ? h('div', { class: 'blocks', key: 'blocks' }, blocks(where, message.blocks))
        : h('div', { class: 'text', key: 'text' }, mrkdwn(message.text ?? ''), ' ', edited),
      message.blocks?.length ? edited : null,
      message.replies?.length > 0 && h('div', { class: 'replies', key: 'replies' },
        h('div', { class: 'replies-head' }, `${message.replies.length} ${message.replies.length === 1 ? 'reply' : 'replies'}`),
        message.replies.map((reply) => messageRow(channel, reply)))));
}

// ---- Composer -----------------------------------------------------------------------------------------------------------

function composer(channel) {
  if (channel.archived) return h('p', { class: 'composer-note', key: 'composer' }, `${channelLabel(channel)} is archived: nobody can write here.`);
  if (!channel.member && !isDm(channel)) {
    const join = () => act({ action: 'join', channel: channel.id }).then(refresh);
    return h('p', { class: 'composer-note', key: 'composer' }, `You are not a member of ${channelLabel(channel)}.`, ' ', h('button', { type: 'button', class: 'btn', onclick: join }, 'Join channel'));
  }
  const drafts = (store.ui.drafts ||= {});
  const slot = `${store.me} ${channel.id}`;
  const draft = drafts[slot] ?? '';
  const offered = commandsFor(draft);
  const at = Math.min(store.ui.command ?? 0, offered.length - 1);

  const write = (text) => {
    drafts[slot] = text;
    store.ui.command = 0;
    store.ui.commandsHidden = false;
    changed();
  };
  const send = async () => {
    const text = draft.trim();
    if (!text) return;
    write('');
    const answer = await act({ action: text.startsWith('/') ? 'command' : 'say', channel: channel.id, text });
    if (!answer.ok && !drafts[slot]) write(text);
    refresh();
  };
  const keys = (event) => {
    if (event.isComposing) return;
    if (offered.length && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
      event.preventDefault();
      store.ui.command = (at + (event.key === 'ArrowDown' ? 1 : -1) + offered.length) % offered.length;
      changed();
    } else if (offered.length && event.key === 'Escape') {
      event.stopPropagation();
      store.ui.commandsHidden = true;
      changed();
    } else if (offered.length && ['Tab', 'Enter'].includes(event.key) && !event.shiftKey && !isCommand(draft)) {
      event.preventDefault();
      write(`${offered[at].command} `);
    } else if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      send();
    }
  };

  return h('div', { class: 'composer-area', key: 'composer' },
    offered.length > 0 && h('div', { class: 'commands', role: 'listbox', id: 'commands', 'aria-label': 'Commands', key: 'commands' },
      h('div', { class: 'commands-head' }, isCommand(draft) ? 'Press Enter to send' : `Commands matching ${draft}`),
      offered.map((command, index) => h('div', {
        class: `command${index === at ? ' active' : ''}`, role: 'option', id: `command-${index}`, 'aria-selected': String(index === at), key: command.command,
        onmousedown: (event) => event.preventDefault(),
        onclick: () => (write(`${command.command} `), document.getElementById('composer')?.focus()),
      }, h('b', {}, command.command), ' ', command.usage_hint && h('span', { class: 'usage' }, command.usage_hint), h('small', {}, command.description)))),
    h('form', { class: 'composer', key: 'form', onsubmit: (event) => (event.preventDefault(), send()) },
      h('textarea', {
        id: 'composer', key: `box ${channel.id}`, rows: 1, 'aria-label': `Message ${channelLabel(channel)}`, value: draft, autocomplete: 'off',
        placeholder: `Message ${channelLabel(channel)}${store.commands.length ? ', or type / for commands' : ''}`,
        'aria-autocomplete': 'list', 'aria-controls': offered.length ? 'commands' : undefined, 'aria-activedescendant': offered.length ? `command-${at}` : undefined,
        oninput: (event) => write(event.target.value), onkeydown: keys,
        mounted: (el) => matchMedia('(pointer: fine)').matches && !store.state?.view && el.focus({ preventScroll: true }),
      }),
      h('div', { class: 'composer-bar' },
        shortcutsMenu(),
        h('span', { class: 'composer-hint' }, h('b', {}, 'Enter'), ' to send, ', h('b', {}, 'Shift + Enter'), ' for a new line'),
        h('button', { type: 'submit', class: 'send', 'aria-label': 'Send', disabled: !draft.trim() }, icon('send')))));
}

const isCommand = (draft) => store.commands.some((command) => draft.trimEnd() === command.command || draft.startsWith(`${command.command} `));

function commandsFor(draft) {
  if (store.ui.commandsHidden || !draft.startsWith('/') || draft.includes('\n')) return [];
  const word = draft.split(' ')[0];
  return store.commands.filter((command) => (draft.includes(' ') ? command.command === word : command.command.startsWith(word)));
}

function shortcutsMenu() {
  const open = store.ui.menu === 'shortcuts';
  const toggle = () => {
    store.ui.menu = open ? null : 'shortcuts';
    changed();
  };
  const run = async (shortcut) => {
    store.ui.menu = null;
    await act({ action: 'shortcut', callback_id: shortcut.callback_id });
    refresh();
  };
  return h('div', { class: 'shortcuts', 'data-menu': '' },
    h('button', { type: 'button', class: 'btn-plain', 'aria-label': 'Shortcuts', 'aria-haspopup': 'menu', 'aria-expanded': String(open), title: 'Shortcuts', onclick: toggle }, icon('bolt')),
    open && h('div', { class: 'menu menu-up', role: 'menu', 'aria-label': 'Shortcuts' },
      store.shortcuts.length === 0 && h('p', { class: 'menu-note' }, 'The app has no shortcuts.'),
      store.shortcuts.map((shortcut) => h('button', { type: 'button', class: 'menu-item', role: 'menuitem', key: shortcut.callback_id, onclick: () => run(shortcut) },
        shortcut.name, h('small', {}, [store.app.name, shortcut.description].filter(Boolean).join(' · '))))));
}

// ---- The app's Home tab -------------------------------------------------------------------------------------------------

export function home() {
  const view = store.state.home;
  const where = { kind: 'view', id: view?.id ?? 'home' };
  return [
    h('header', { class: 'pane-head', key: 'head' }, menuButton(), h('h1', {}, store.app.name), appTabs('home')),
    h('div', { class: 'scroller', key: 'home', tabindex: '0', role: 'region', 'aria-label': `Home of ${store.app.name}` },
      view?.blocks?.length
        ? h('div', { class: 'home blocks' }, blocks(where, view.blocks))
        : h('p', { class: 'beginning' }, `${store.app.name} has put nothing on its Home tab yet.`)),
  ];
}

function appTabs(active) {
  const tab = (name, label, open) => h('button', { type: 'button', class: 'tab', role: 'tab', 'aria-selected': String(active === name), onclick: open }, label);
  return h('div', { class: 'tabs', role: 'tablist', 'aria-label': store.app.name }, tab('home', 'Home', () => appHome.open()), tab('messages', 'Messages', () => appHome.openMessages()));
}
