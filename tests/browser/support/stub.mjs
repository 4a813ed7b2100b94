// The page of the simulated workspace on a server that only plays back what a test gives it and writes down what the page
// asks for. For what the demo's flows do not use: every block, every form element, hostile text, a server that goes away.

import http from 'node:http';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const PAGE = fileURLToPath(new URL('../../slack-sim/page/', import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

/** RFC 6455: what the server adds to the client's key, and a whole text frame. */
const WEBSOCKET = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const announce = (socket) => socket.write(Buffer.concat([Buffer.from([0x81, 'changed'.length]), Buffer.from('changed')]));

export const BOT = 'U0BOT';
const people = [
  { id: 'U0ALICE', name: 'alice', real_name: 'Alice Adams', title: 'Engineer', is_admin: false, is_guest: false },
  { id: 'U0BOB', name: 'bob', real_name: 'Bob Brown', title: '', is_admin: true, is_guest: false },
  { id: 'U0GUS', name: 'gus', real_name: 'Gus Guest', title: '', is_admin: false, is_guest: true },
];

export const message = (ts, user, text, more = {}) => ({
  ts, user, user_name: people.find((person) => person.id === user)?.name ?? 'Robot', is_bot: user === BOT, text, blocks: null,
  ephemeral: false, edited: false, thread_ts: null, replies: [], ...more,
});

export const channel = (id, name, more = {}) => ({ id, name, kind: 'public', title: '', member: true, archived: false, unread: 0, messages: [], ...more });

export const view = (blocks, more = {}) => ({
  id: 'V1', hash: '1', type: 'modal', title: { type: 'plain_text', text: 'A form' }, submit: { type: 'plain_text', text: 'Submit' },
  close: { type: 'plain_text', text: 'Cancel' }, blocks, state: { values: {} }, errors: {}, loading: false, stack_depth: 1, ...more,
});

/** `answers`: what an action answers, by its name; everything else answers `{ok: true}`. */
export async function startStub() {
  const stub = {
    channels: [channel('C0GENERAL', 'general')], view: null, home: null, toasts: [], links: [{ label: 'Web app', url: 'http://127.0.0.1:1/' }], team: 'Acme', actions: [], answers: {},
    /** Tells all pages that something changed. */
    changed: () => sockets.forEach(announce),
    /** Ends the connections of all pages. */
    hangUp: () => sockets.forEach((socket) => socket.destroy()),
    /** The last action of a kind. */
    last: (action) => stub.actions.filter((other) => other.action === action).at(-1),
  };
  const sockets = new Set();
  const routes = {
    '/page/people': () => ({
      team: stub.team, app: { name: 'Robot', bot_user_id: BOT }, people,
      commands: [{ command: '/robot', description: 'Talks to the robot', usage_hint: '[words]' }, { command: '/rest', description: 'Rests', usage_hint: '' }],
      shortcuts: [{ callback_id: 'wake', name: 'Wake the robot', description: 'Gently' }],
    }),
    '/page/names': () => ({
      users: Object.fromEntries([[BOT, 'Robot'], ...people.map((person) => [person.id, person.name])]),
      channels: Object.fromEntries(stub.channels.map((other) => [other.id, other.name])),
    }),
    '/page/state': (query) => ({
      user: people.find((person) => person.id === query.get('user')), channels: stub.channels, view: stub.view, home: stub.home, toasts: stub.toasts, links: stub.links,
    }),
  };
  const server = http.createServer(async (request, response) => {
    const url = new URL(request.url, 'http://stub');
    if (url.pathname === '/page/action') {
      let text = '';
      for await (const chunk of request) text += chunk;
      const action = JSON.parse(text);
      stub.actions.push(action);
      const answer = await stub.answers[action.action]?.(action);
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? { ok: true }));
    } else if (routes[url.pathname]) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(routes[url.pathname](url.searchParams)));
    } else {
      const file = url.pathname === '/' ? 'index.html' : path.basename(url.pathname);
      const content = await readFile(path.join(PAGE, file)).catch(() => null);
      response.writeHead(content ? 200 : 404, { 'content-type': TYPES[path.extname(file)] ?? 'text/plain' }).end(content);
    }
  });
  server.on('upgrade', (request, socket) => {
    const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + WEBSOCKET).digest('base64');
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    announce(socket);
    sockets.add(socket);
    // What the page sends is a close at most; the end of the connection says the same.
    socket.resume().on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  stub.url = `http://127.0.0.1:${server.address().port}/`;
  stub.stop = () => {
    server.closeAllConnections();
    stub.hangUp();
    return new Promise((resolve) => server.close(resolve));
  };
  return stub;
}
