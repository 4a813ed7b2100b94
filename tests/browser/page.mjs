// The page of the simulated workspace by itself: every block and form element, what is sent for each, hostile text.

import { after, afterEach, before, beforeEach, test } from 'node:test';
import assert from 'node:assert/strict';
import { startBrowser } from './support/browser.mjs';
import { BOT, channel, message, startStub, view } from './support/stub.mjs';
import { eventually } from './support/workspace.mjs';

let browser;
let stub;
let page;
let dialog;

before(async () => {
  browser = await startBrowser();
});

beforeEach(async () => {
  stub = await startStub();
  page = await (await browser.newBrowser()).newPage();
  dialog = page.getByRole('dialog');
});

afterEach(async (context) => {
  if (context.passed === false) await browser.shot(page, `failed-${context.name.replace(/\W+/g, '-')}`);
  await page.context().close();
  await stub.stop();
});

after(() => browser?.stop());

const plain = (text) => ({ type: 'plain_text', text });
const mrkdwn = (text) => ({ type: 'mrkdwn', text });
const option = (text, value = text, more = {}) => ({ text: plain(text), value, ...more });
const field = (label, element, more = {}) => ({ type: 'input', block_id: label, label: plain(label), element: { action_id: 'a', ...element }, ...more });
const log = () => page.getByRole('log');

async function open({ as = 'U0ALICE', at = 'C0GENERAL' } = {}) {
  await page.goto(`${stub.url}#${as}/${at}`);
  await page.getByRole('textbox', { name: /^Message |/ }).first().waitFor();
}

/** The page tells the server about the element labelled `label` with `wanted`. */
const sends = (label, wanted) =>
  eventually(`what is sent for “${label}”`, () => JSON.stringify(stub.actions.filter((action) => action.action === 'input' && action.block_id === label).at(-1)?.value), JSON.stringify(wanted));

test('mrkdwn is shown as Slack shows it', async () => {
  const text = '*bold* _it_ ~no~ `co*de*` <https://example.com/a?b=1&amp;c=2|a link> <@U0BOB> <#C0GENERAL> <!here> :tada: :unknown_one: 2*3*4 a &lt;b&gt; &amp;amp;';
  stub.channels[0].messages = [message('1.1', BOT, text), message('1.2', BOT, '&gt; quoted\nplain\n```one\n *two*```'), message('1.3', BOT, 'on <!date^1392734382^{date_num}|x> and <!date^bad|later>')];
  await open();
  const [first, second, third] = [0, 1, 2].map((index) => log().getByRole('article').nth(index));
  const tags = (tag) => first.locator('.text').locator(tag).allInnerTexts();
  await first.waitFor();
  assert.deepEqual(await tags('strong'), ['bold']);
  assert.deepEqual(await tags('em'), ['it']);
  assert.deepEqual(await tags('del'), ['no']);
  assert.deepEqual(await tags('code'), ['co*de*']);
  assert.equal(await first.getByRole('link', { name: 'a link' }).getAttribute('href'), 'https://example.com/a?b=1&c=2');
  assert.match(await first.locator('.text').innerText(), /a link @bob #general @here 🎉 :unknown_one: 2\*3\*4 a <b> &amp;/);
  assert.equal(await second.locator('blockquote').innerText(), 'quoted');
  assert.equal(await second.locator('pre').innerText(), 'one\n *two*');
  assert.match(await third.locator('.text').innerText(), /on 2014-02-18 and later/);
});

test('all times of a message are those of the person who looks', async () => {
  const page = await (await browser.newBrowser(undefined, { timezoneId: 'Asia/Kolkata' })).newPage();
  stub.channels[0].messages = [message('1392734382.000100', BOT, 'at <!date^1392734382^{time}|x>')];
  await page.goto(stub.url);
  const shown = page.getByRole('log').getByRole('article');
  await shown.waitFor();
  assert.match(await shown.innerText(), /Robot\s+APP\s+20:09\s+at 20:09/);
  assert.equal(await shown.getAttribute('aria-label'), 'Robot at 20:09');
  await page.context().close();
});

test('nothing that people or bots write becomes markup, script or a dangerous link', async () => {
  const hostile = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>';
  const escaped = hostile.replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  stub.channels = [channel('C0GENERAL', 'general', {
    title: hostile,
    messages: [
      message('1.1', 'U0BOB', hostile, { user_name: hostile }),
      message('1.2', 'U0BOB', `${escaped} <javascript:alert(1)|press me> <data:text/html,x|or me>`),
      message('1.3', BOT, '', { blocks: [
        { type: 'header', block_id: 'h', text: plain(hostile) },
        { type: 'section', block_id: 's', text: plain(hostile), accessory: { type: 'button', action_id: 'b', text: plain(hostile), url: 'javascript:window.pwned=1' } },
        { type: 'rich_text', block_id: 'r', elements: [{ type: 'rich_text_section', elements: [{ type: 'link', url: 'javascript:window.pwned=1', text: 'rich' }] }] },
        { type: 'image', block_id: 'i', image_url: 'data:image/gif;base64,R0lGODlhAQABAAAAACw=', alt_text: hostile },
      ] }),
    ],
  })];
  stub.toasts = [{ id: 't', text: hostile }];
  await open();
  await log().getByText('press me').waitFor();
  assert.equal(await log().locator('script, img[src="x"], [onerror]').count(), 0);
  assert.deepEqual(await page.locator('a[href^="javascript:" i], a[href^="data:" i]').count(), 0);
  await log().getByRole('button').first().click();
  await eventually('the press is sent', () => stub.last('press')?.action_id, 'b');
  assert.equal(await page.evaluate(() => window.pwned), undefined);
});

test('every form element has its label and sends its state in the shape of Slack', async () => {
  stub.answers.suggest = ({ query }) => ({ ok: true, options: ['alpha', 'beta', 'gamma'].filter((name) => name.includes(query)).map((name) => option(name)) });
  stub.view = view([
    field('Line', { type: 'plain_text_input', placeholder: plain('type here') }),
    field('Lines', { type: 'plain_text_input', multiline: true }, { hint: plain('as many as you like') }),
    field('Number', { type: 'number_input', is_decimal_allowed: false }),
    field('Mail', { type: 'email_text_input' }, { optional: true }),
    field('Site', { type: 'url_text_input' }),
    field('Fruit', { type: 'static_select', option_groups: [{ label: plain('Sweet'), options: [option('Pear', 'p')] }, { label: plain('Sour'), options: [option('Lemon', 'l')] }] }),
    field('Colours', { type: 'multi_static_select', options: ['red', 'green', 'blue'].map((name) => option(name)), initial_options: [option('red')], max_selected_items: 2 }),
    field('Search', { type: 'external_select', min_query_length: 2 }),
    field('Searches', { type: 'multi_external_select', min_query_length: 0 }),
    field('Person', { type: 'users_select' }),
    field('People', { type: 'multi_users_select' }),
    field('Place', { type: 'conversations_select' }),
    field('Room', { type: 'channels_select' }),
    field('Ticks', { type: 'checkboxes', options: [option('One'), option('Two')] }),
    field('Choice', { type: 'radio_buttons', options: [option('Yes'), option('No')] }),
    field('Day', { type: 'datepicker', initial_date: '2030-01-31' }),
    field('Hour', { type: 'timepicker' }),
    field('Moment', { type: 'datetimepicker' }),
  ]);
  await open();
  await dialog.waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.placeholder), 'type here', 'the first field has the focus');
  const at = (label) => dialog.getByLabel(label, { exact: true });

  await at('Line').pressSequentially('one');
  await sends('Line', { type: 'plain_text_input', value: 'one' });
  await at('Line').fill('');
  await sends('Line', { type: 'plain_text_input', value: null });
  await at('Lines').fill('a\nb');
  await sends('Lines', { type: 'plain_text_input', value: 'a\nb' });
  await at('Number').fill('12');
  await sends('Number', { type: 'number_input', value: '12' });
  await at('Mail').fill('a@example.com');
  await sends('Mail', { type: 'email_text_input', value: 'a@example.com' });
  await at('Site').fill('https://example.com');
  await sends('Site', { type: 'url_text_input', value: 'https://example.com' });
  await at('Fruit').selectOption({ label: 'Lemon' });
  await sends('Fruit', { type: 'static_select', selected_option: option('Lemon', 'l') });

  await at('Colours').click();
  await dialog.getByRole('option', { name: 'blue' }).click();
  await sends('Colours', { type: 'multi_static_select', selected_options: [option('red'), option('blue')] });
  await dialog.getByText('At most 2 can be chosen').waitFor();
  await browser.shot(page, 'page-multi-select');
  await dialog.getByRole('option', { name: 'green' }).click({ force: true });
  await dialog.getByRole('button', { name: 'Remove red' }).click();
  await sends('Colours', { type: 'multi_static_select', selected_options: [option('blue')] });

  await at('Search').click();
  await dialog.getByText('Type 2 more characters to search').waitFor();
  await page.keyboard.type('am');
  await dialog.getByRole('option', { name: 'gamma' }).click();
  await sends('Search', { type: 'external_select', selected_option: option('gamma') });
  assert.equal(await at('Search').inputValue(), 'gamma');
  await at('Searches').click();
  await dialog.getByRole('option', { name: 'beta' }).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await sends('Searches', { type: 'multi_external_select', selected_options: [option('beta')] });
  await page.keyboard.press('Escape');
  assert.ok(await dialog.isVisible(), 'Escape closes the list, not the dialog');

  await at('Person').selectOption({ label: 'Bob Brown' });
  await sends('Person', { type: 'users_select', selected_user: 'U0BOB' });
  await at('People').click();
  await page.keyboard.type('gus');
  await page.keyboard.press('Enter');
  await sends('People', { type: 'multi_users_select', selected_users: ['U0GUS'] });
  await at('Place').selectOption({ label: '#general' });
  await sends('Place', { type: 'conversations_select', selected_conversation: 'C0GENERAL' });
  await at('Room').selectOption({ label: '#general' });
  await sends('Room', { type: 'channels_select', selected_channel: 'C0GENERAL' });
  await dialog.getByRole('group', { name: 'Ticks' }).getByLabel('Two').check();
  await sends('Ticks', { type: 'checkboxes', selected_options: [option('Two')] });
  await dialog.getByRole('radiogroup', { name: 'Choice' }).getByLabel('No').check();
  await sends('Choice', { type: 'radio_buttons', selected_option: option('No') });
  assert.equal(await at('Day').inputValue(), '2030-01-31');
  await at('Day').fill('2031-02-03');
  await sends('Day', { type: 'datepicker', selected_date: '2031-02-03' });
  await at('Hour').fill('07:30');
  await sends('Hour', { type: 'timepicker', selected_time: '07:30' });
  await at('Moment').fill('2031-02-03T04:05');
  await sends('Moment', { type: 'datetimepicker', selected_date_time: new Date(2031, 1, 3, 4, 5).getTime() / 1000 });

  assert.match(await at('Lines').evaluate((el) => document.getElementById(el.getAttribute('aria-describedby')).innerText), /as many/);
  await dialog.getByText('(optional)').waitFor();
  await browser.shot(page, 'page-form');
});

test('a submit comes after the last keystroke, and errors stand at their fields until these are changed', async () => {
  stub.view = view([field('Reason', { type: 'plain_text_input' }), field('Other', { type: 'plain_text_input' })]);
  stub.answers.submit = () => {
    stub.view = { ...stub.view, errors: { Reason: 'Too short.' } };
  };
  await open();
  await dialog.getByLabel('Reason').pressSequentially('x');
  await page.keyboard.press('Enter');
  await dialog.getByRole('alert').waitFor();
  assert.deepEqual(stub.actions.filter((action) => ['input', 'submit'].includes(action.action)).map((action) => action.action), ['input', 'submit']);
  const reason = dialog.getByLabel('Reason');
  assert.equal(await reason.getAttribute('aria-invalid'), 'true');
  await eventually('the field with the error has the focus', () => reason.evaluate((el) => el === document.activeElement), true);
  await browser.shot(page, 'page-error');
  await reason.pressSequentially('y');
  await dialog.getByRole('alert').waitFor({ state: 'detached' });
  assert.equal(await reason.inputValue(), 'xy');
});

test('a submit that fails is told in the dialog, once, and forgotten with the next try', async () => {
  stub.view = view([field('Reason', { type: 'plain_text_input' })]);
  stub.answers.submit = () => ({ ok: false, error: 'We had some trouble connecting. Try again?' });
  await open();
  await dialog.getByLabel('Reason').fill('x');
  await page.keyboard.press('Enter');
  await dialog.getByRole('alert').filter({ hasText: 'trouble connecting' }).waitFor();
  assert.equal(await page.getByText('trouble connecting').count(), 1, 'it is told once');
  await browser.shot(page, 'page-trouble');
  stub.answers.submit = () => ({ ok: true, result: 'errors' });
  await page.keyboard.press('Enter');
  await eventually('it is tried again', () => stub.actions.filter((action) => action.action === 'submit').length, 2);
  await page.locator('[role=dialog]:not([aria-busy])').waitFor();
  assert.equal(await page.getByText('trouble connecting').count(), 0, 'and forgotten');
  stub.answers.submit = () => {
    stub.view = null;
    return { ok: false, error: 'This dialog is no longer open.' };
  };
  await page.keyboard.press('Enter');
  await page.getByRole('alert').filter({ hasText: 'no longer open' }).waitFor();
});

test('a submit that leads to the next form gives its first field the focus', async () => {
  stub.view = view([field('Flow', { type: 'static_select', options: [option('A')] })]);
  stub.answers.submit = () => {
    stub.view = view([field('Reason', { type: 'plain_text_input' })], { hash: '2' });
    return { ok: true, result: 'updated' };
  };
  await open();
  await dialog.getByRole('button', { name: 'Submit' }).click();
  const reason = dialog.getByLabel('Reason');
  await reason.waitFor();
  await eventually('the field has the focus', () => reason.evaluate((el) => el === document.activeElement), true);
});

test('after a dialog the focus is back in the composer', async () => {
  stub.view = view([field('Reason', { type: 'plain_text_input' })]);
  stub.answers.submit = () => {
    stub.view = null;
  };
  await open();
  await dialog.getByLabel('Reason').fill('x');
  await dialog.getByRole('button', { name: 'Submit' }).click();
  await dialog.waitFor({ state: 'detached' });
  await eventually('what has the focus', () => page.evaluate(() => document.activeElement.id), 'composer');
});

test('a form that takes the place of “Loading…” gets the focus', async () => {
  stub.view = view([{ type: 'section', block_id: 's', text: plain('Loading…') }], { submit: null });
  await open();
  await dialog.getByText('Loading…').waitFor();
  stub.view = view([field('Reason', { type: 'plain_text_input', placeholder: plain('why') })], { hash: '2' });
  stub.changed();
  await eventually('what has the focus', () => page.evaluate(() => document.activeElement.placeholder), 'why');
});

test('a view that the app updates keeps what was typed and takes over what the app set', async () => {
  stub.view = view([field('Kept', { type: 'plain_text_input' })]);
  await open();
  await dialog.getByLabel('Kept').fill('mine');
  await eventually('the text is sent', () => stub.last('input')?.value.value, 'mine');
  stub.view = view([field('Kept', { type: 'plain_text_input' }), field('New', { type: 'plain_text_input', initial_value: 'theirs' })], { hash: '2', state: { values: { Kept: { a: { type: 'plain_text_input', value: 'mine' } } } } });
  stub.changed();
  await dialog.getByLabel('New').waitFor();
  assert.equal(await dialog.getByLabel('Kept').inputValue(), 'mine');
  assert.equal(await dialog.getByLabel('New').inputValue(), 'theirs');
  assert.ok(await dialog.getByLabel('Kept').evaluate((el) => el === document.activeElement), 'and keeps the focus');
});

test('a pushed view has a way back, and closing it all is another thing', async () => {
  stub.view = view([], { stack_depth: 2 });
  await open();
  await dialog.getByRole('button', { name: 'Back' }).click();
  await eventually('closes one view', () => stub.last('close')?.clear, false);
  stub.actions.length = 0;
  await dialog.getByRole('button', { name: 'Close dialog' }).click();
  await eventually('closes all views', () => stub.last('close')?.clear, true);
});

test('a button with a question is pressed only after a yes, with everything filled in beside it', async () => {
  stub.channels[0].messages = [message('1.1', BOT, '', { blocks: [
    field('Decision Message', { type: 'plain_text_input' }, { optional: true }),
    { type: 'actions', block_id: 'act', elements: [
      { type: 'button', action_id: 'no', text: plain('Deny'), style: 'danger', value: '7', confirm: { title: plain('Sure?'), text: mrkdwn('It is *final*.'), confirm: plain('Yes, deny'), deny: plain('Wait') } },
      { type: 'static_select', action_id: 'pick', placeholder: plain('Pick one'), options: [option('A'), option('B')] },
      { type: 'overflow', action_id: 'more', options: [option('Edit', 'e')] },
    ] },
  ], version: 3 })];
  await open();
  await log().getByLabel('Decision Message').fill('because');
  await log().getByRole('button', { name: 'Deny' }).click();
  const question = page.getByRole('alertdialog', { name: 'Sure?' });
  await question.getByRole('button', { name: 'Wait' }).click();
  await question.waitFor({ state: 'detached' });
  assert.equal(stub.last('press'), undefined);
  await log().getByRole('button', { name: 'Deny' }).click();
  await question.getByRole('button', { name: 'Yes, deny' }).click();
  await eventually('the press is sent', () => stub.last('press')?.value, '7');
  assert.equal(stub.last('press').version, 3, 'with what was drawn when it was pressed');
  assert.deepEqual(stub.last('press').state.values['Decision Message'].a, { type: 'plain_text_input', value: 'because' });
  await log().getByLabel('Pick one').selectOption({ label: 'B' });
  await eventually('a choice in a message is sent', () => stub.last('press')?.selected?.selected_option?.value, 'B');
  await log().getByRole('button', { name: 'More actions' }).click();
  await log().getByRole('menuitem', { name: 'Edit' }).click();
  await eventually('a menu entry is sent', () => stub.last('press')?.value, 'e');
  assert.equal(stub.last('press').action_id, 'more');
});

test('typing / offers the commands; a refused one comes back with the reason', async () => {
  stub.answers.command = () => ({ ok: false, error: 'The robot is away.' });
  await open();
  const box = page.getByRole('textbox', { name: 'Message #general' });
  await box.pressSequentially('/r');
  const offered = page.getByRole('listbox', { name: 'Commands' }).getByRole('option');
  assert.equal(await offered.count(), 2);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  assert.equal(await box.inputValue(), '/rest ', 'Enter completes what is half typed');
  await box.fill('/robot dance');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').filter({ hasText: 'The robot is away.' }).waitFor();
  assert.equal(stub.last('command').text, '/robot dance');
  assert.equal(await box.inputValue(), '/robot dance');
});

test('unread channels are marked, and opening one reads it', async () => {
  stub.channels.push(channel('C0OPS', 'ops', { kind: 'private', unread: 1, messages: [message('1.1', 'U0BOB', 'old'), message('1.2', 'U0BOB', 'fresh')] }));
  stub.answers.read = ({ channel: id }) => {
    stub.channels.find((other) => other.id === id).unread = 0;
  };
  await open();
  const row = page.getByRole('navigation').getByRole('button', { name: /^ops/ });
  assert.equal(await row.getAttribute('class'), 'row unread');
  await row.click();
  await eventually('the page says that it was read', () => stub.last('read')?.channel, 'C0OPS');
  await log().getByText('New', { exact: true }).waitFor();
  await eventually('the mark goes', () => row.getAttribute('class'), 'row active');
  stub.channels[1].unread = 2;
  await page.getByRole('button', { name: /^You are Alice/ }).click();
  await page.getByRole('menuitemradio', { name: /^Bob Brown.*admin 2 unread/ }).waitFor();
  await browser.shot(page, 'page-people');
});

test('a public channel can be looked at and joined, an archived one only looked at', async () => {
  stub.channels.push(channel('C0NEW', 'news', { member: false, messages: [message('1.1', 'U0BOB', 'extra')] }), channel('C0OLD', 'past', { archived: true, messages: [message('1.1', 'U0BOB', 'ancient')] }));
  stub.answers.join = ({ channel: id }) => {
    stub.channels.find((other) => other.id === id).member = true;
  };
  await open();
  await page.getByRole('button', { name: 'news', exact: true }).click();
  await log().getByText('extra').waitFor();
  await page.getByRole('button', { name: 'Join channel' }).click();
  await page.getByRole('textbox', { name: 'Message #news' }).waitFor();
  await page.getByRole('button', { name: 'past', exact: true }).click();
  await log().getByText('ancient').waitFor();
  await page.getByText('#past is archived').waitFor();
  assert.equal(await page.getByRole('textbox', { name: /^Message / }).count(), 0);
});

test('private answers, edits and threads are told apart', async () => {
  stub.channels[0].messages = [
    message('1.1', 'U0BOB', 'first', { edited: true, replies: [message('1.2', 'U0ALICE', 'a reply'), message('1.3', BOT, 'another')] }),
    message('1.4', BOT, 'psst', { ephemeral: true }),
  ];
  await open();
  await log().getByText('(edited)').waitFor();
  await log().getByText('2 replies').waitFor();
  const own = log().getByRole('article').filter({ hasText: 'psst' });
  assert.match(await own.innerText(), /Only visible to you[\s\S]*Robot[\s\S]*APP/);
  await browser.shot(page, 'page-messages');
});

test('the Home tab is asked for when it is opened, and its buttons work', async () => {
  stub.home = { id: 'V9', blocks: [{ type: 'actions', block_id: 'h', elements: [{ type: 'button', action_id: 'go', text: plain('Start'), value: '1' }] }] };
  await open();
  await page.getByRole('button', { name: 'Robot Home' }).click();
  await eventually('the page says that it was opened', () => stub.last('open_home')?.user, 'U0ALICE');
  await page.getByRole('button', { name: 'Start' }).click();
  await eventually('the press is sent', () => stub.last('view_button')?.action_id, 'go');
  assert.equal(stub.last('view_button').view_id, 'V9');

  const opened = () => stub.actions.filter((action) => action.action === 'open_home').map((action) => action.user).join(' ');
  await page.getByRole('button', { name: /^You are Alice/ }).click();
  await page.getByRole('menuitemradio', { name: /^Bob Brown/ }).click();
  await eventually('another person has a Home tab of their own', opened, 'U0ALICE U0BOB');
  await page.reload();
  await eventually('a new page has nothing to show before it asks', opened, 'U0ALICE U0BOB U0BOB');
  await page.getByRole('button', { name: 'general' }).click();
  await page.goBack();
  await eventually('so has one that goes back', opened, 'U0ALICE U0BOB U0BOB U0BOB');
});

test('a server that goes away is told, and found again', async () => {
  await open();
  const port = Number(new URL(stub.url).port);
  assert.ok(port > 0);
  await page.route('**/page/state*', (route) => route.abort());
  stub.changed();
  await page.getByText('No connection to the workspace').waitFor();
  stub.team = 'Another';
  stub.links = [{ label: 'Web app', url: 'http://127.0.0.1:2/' }];
  await page.unroute('**/page/state*');
  await page.getByText('No connection to the workspace').waitFor({ state: 'detached' });
  assert.equal(await page.getByRole('link', { name: 'Web app' }).getAttribute('href'), 'http://127.0.0.1:2/');
  await page.getByRole('navigation').getByText('Another').waitFor();
});

test('seven tabs of one browser are kept up to date, and all of them can act', async () => {
  await open();
  const tabs = [page];
  while (tabs.length < 7) {
    const tab = await page.context().newPage();
    await tab.goto(`${stub.url}#U0ALICE/C0GENERAL`);
    await tab.getByRole('textbox', { name: 'Message #general' }).waitFor();
    tabs.push(tab);
  }
  stub.channels[0].messages = [message('1.1', 'U0BOB', 'for all tabs')];
  stub.changed();
  for (const [number, tab] of tabs.entries()) {
    await tab.getByText('for all tabs').waitFor();
    await tab.getByRole('textbox', { name: 'Message #general' }).fill(`from tab ${number}`);
    await tab.getByRole('button', { name: 'Send' }).click();
    await eventually('the message is sent', () => stub.last('say')?.text, `from tab ${number}`);
  }
});

test('a connection that breaks is made again, and what happened meanwhile is shown', async () => {
  await open();
  stub.hangUp();
  stub.channels[0].messages = [message('1.1', 'U0BOB', 'meanwhile')];
  await log().getByText('meanwhile').waitFor();
  await page.waitForTimeout(2000); // longer than the page waits before it connects again
  stub.channels[0].messages = [message('1.1', 'U0BOB', 'afterwards')];
  stub.changed();
  await log().getByText('afterwards').waitFor();
});

test('a narrow window has the sidebar in a drawer', async () => {
  await page.setViewportSize({ width: 390, height: 780 });
  stub.channels.push(channel('C0OPS', 'ops'));
  await open();
  await page.getByRole('button', { name: 'Show sidebar' }).click();
  await page.getByRole('button', { name: 'ops', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: '#ops' }).waitFor();
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing sticks out to the right');
  await browser.shot(page, 'page-narrow');
});

test('no page reported an error', () => browser.assertNoErrors());
