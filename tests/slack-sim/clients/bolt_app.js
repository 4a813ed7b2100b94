// A small request app on @slack/bolt, run against the simulated workspace by tests/official_clients.rs.
// Usage: node bolt_app.js API_URL BOT_TOKEN APP_TOKEN

const { createRequire } = require('node:module');
const { App } = createRequire(`${process.cwd()}/`)('@slack/bolt');

const [apiUrl, token, appToken] = process.argv.slice(2);
const app = new App({ token, appToken, socketMode: true, clientOptions: { slackApiUrl: `${apiUrl}/` } });

const plain = (text) => ({ type: 'plain_text', text });
const section = (text) => ({ type: 'section', text: { type: 'mrkdwn', text } });
const form = (title, blocks) => ({
  type: 'modal', callback_id: 'request', title: plain(title), submit: plain('Send'), notify_on_close: true, blocks,
});
const FIELDS = [
  { type: 'input', block_id: 'why', label: plain('Why'), element: { type: 'plain_text_input', action_id: 'value' } },
  { type: 'input', block_id: 'target', label: plain('Target'), element: { type: 'external_select', action_id: 'target', min_query_length: 0 } },
];

app.command('/sym', async ({ ack, body, client, respond }) => {
  await ack();
  if (body.text === 'help') {
    await respond('Type /sym to ask for access.');
    return;
  }
  const { view } = await client.views.open({ trigger_id: body.trigger_id, view: form('Loading', [section('One moment')]) });
  await client.views.update({ view_id: view.id, hash: view.hash, view: form('Request', FIELDS) });
});

app.options('target', ({ ack }) =>
  ack({ options: [{ text: plain('Production'), value: 'prod' }, { text: plain('Staging'), value: 'stage' }] }));

app.view('request', async ({ ack, body, view, client }) => {
  const { values } = view.state;
  const why = values.why.value.value;
  if (why.length < 5) {
    await ack({ response_action: 'errors', errors: { why: 'Please say more.' } });
    return;
  }
  await ack();
  const target = values.target.target.selected_option.text.text;
  const user = body.user.id;
  const elements = ['Approve', 'Deny'].map((name) => ({ type: 'button', action_id: name.toLowerCase(), text: plain(name), value: user }));
  await client.chat.postMessage({
    channel: '#sym-requests', text: 'A request', blocks: [section(`<@${user}> asks for ${target}: ${why}`), { type: 'actions', elements }],
  });
});

app.view({ callback_id: 'request', type: 'view_closed' }, async ({ ack, body, client }) => {
  await ack();
  await client.chat.postMessage({ channel: body.user.id, text: 'You closed the form' });
});

app.action('approve', async ({ ack, body, client, respond }) => {
  await ack();
  const { channel, message, user } = body;
  await client.chat.update({ channel: channel.id, ts: message.ts, text: 'Approved', blocks: [section(`Approved by <@${user.id}>`)] });
  await client.chat.postMessage({ channel: body.actions[0].value, text: 'Your request was approved' });
  await client.chat.postMessage({ channel: channel.id, thread_ts: message.ts, text: 'Noted in the thread' });
  await respond({ text: 'You approved', response_type: 'ephemeral', replace_original: false });
});

app.shortcut('sym_request', async ({ ack, body, client }) => {
  await ack();
  let people = 0;
  for await (const page of client.paginate('users.list', { limit: 3 })) people += page.members.length;
  let channels = 0;
  const filter = { limit: 3, types: 'public_channel,private_channel', exclude_archived: true };
  for await (const page of client.paginate('conversations.list', filter)) channels += page.channels.length;
  const bob = (await client.users.lookupByEmail({ email: 'bob@acme.example' })).user.id;
  const group = (await client.conversations.open({ users: `${body.user.id},${bob}` })).channel.id;
  const refused = await client.chat.postMessage({ channel: '#nowhere', text: 'x' }).then(() => 'nothing', (error) => error.data.error);
  await client.chat.postMessage({ channel: group, text: `${people} people, ${channels} channels, ${refused}` });
});

app.event('app_home_opened', async ({ event, client }) => {
  await client.views.publish({ user_id: event.user, view: { type: 'home', blocks: [section(`Hello <@${event.user}>`)] } });
});

app.start();
