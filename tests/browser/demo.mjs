// The story that the demo is for: a request in #general, a decision in #sym-requests, word back to the requester.

import { after, afterEach, before, beforeEach, test } from 'node:test';
import assert from 'node:assert/strict';
import { startDemo } from './support/demo.mjs';
import { startBrowser } from './support/browser.mjs';
import { Workspace } from './support/workspace.mjs';

let demo;
let browser;
let page;
let slack;

before(async () => {
  demo = await startDemo();
  browser = await startBrowser();
  page = await browser.newWindow();
  slack = await Workspace.open(page, demo.slack);
});

// A test that failed with an open dialog must not take the next ones with it.
beforeEach(async () => {
  if (demo && (await slack.dialog.count())) await page.keyboard.press('Escape');
});

afterEach(async (context) => {
  if (context.passed === false) await browser.shot(page, `failed-${context.name.replace(/\W+/g, '-')}`);
});

after(async () => {
  await browser?.stop();
  await demo?.stop();
});

test('a new user is told what to do and may dismiss that', async () => {
  const hint = page.getByRole('complementary', { name: 'How to try this' });
  assert.match(await hint.innerText(), /\/sym/);
  await browser.shot(page, 'demo-1-start');
  await page.getByRole('textbox', { name: /^Message / }).fill('/');
  await page.getByRole('listbox', { name: 'Commands' }).getByRole('option', { name: /^\/sym/ }).waitFor();
  await page.getByRole('textbox', { name: /^Message / }).fill('');
  await hint.getByRole('button', { name: 'Dismiss hint' }).click();
  await hint.waitFor({ state: 'detached' });
});

test('Alice asks, Bob approves, Alice hears of it', async () => {
  const reason = 'Fix the nightly job <b>& report</b>';
  await slack.become('Alice');
  await slack.goTo('general');
  await slack.type('/sym');
  await slack.dialog.waitFor();
  await browser.shot(page, 'demo-2-picker');
  await slack.dialog.getByRole('button', { name: /^(Cancel|Close)$/ }).click();
  await slack.dialog.waitFor({ state: 'detached' });

  await slack.requestApproval(reason);
  await slack.goTo('sym-requests');
  const message = slack.message(reason);
  await message.getByRole('button', { name: 'Approve', exact: true }).waitFor();
  await message.getByRole('button', { name: 'Deny', exact: true }).waitFor();
  assert.match(await message.innerText(), /Alice/i, 'the request names the requester');
  await browser.shot(page, 'demo-3-request');

  await slack.become('Bob');
  await slack.goTo('sym-requests');
  await slack.press(reason, 'Approve');
  await slack.noButtonsOn(reason);
  assert.match(await message.innerText(), /approved[\s\S]*Bob/i, 'the request says who approved it');
  await browser.shot(page, 'demo-4-approved');

  await slack.become('Alice');
  await slack.goTo('Symbot');
  await page.getByRole('log').getByText(/approved/i).first().waitFor();
  await browser.shot(page, 'demo-5-direct-message');
});

test('a refused decision is told to nobody but the person who tried', async () => {
  const reason = 'I would like to decide this myself';
  await slack.become('Alice');
  await slack.goTo('general');
  await slack.requestApproval(reason);
  await slack.goTo('sym-requests');
  await slack.press(reason, 'Approve');
  await slack.privateAnswer(/your own/i);
  await slack.message(reason).getByRole('button', { name: 'Approve', exact: true }).waitFor();
  await browser.shot(page, 'demo-6-own-request');
  await slack.become('Bob');
  await slack.goTo('sym-requests');
  assert.equal(await page.getByText('Only visible to you').count(), 0, 'Bob sees nothing of the answer to Alice');
  await slack.press(reason, 'Deny');
  await slack.noButtonsOn(reason);
  assert.match(await slack.message(reason).innerText(), /denied/i, 'the request says that it was denied');
});

test('an empty required field is refused at the field, and what was typed elsewhere stays', async () => {
  await slack.become('Alice');
  await slack.goTo('general');
  await slack.type('/sym req approval');
  const question = slack.dialog.getByLabel('Why do you need access?');
  await question.waitFor();
  await slack.submits();
  await slack.dialog.getByRole('alert').waitFor();
  assert.equal(await question.getAttribute('aria-invalid'), 'true', 'the field is marked');
  await browser.shot(page, 'demo-7-field-error');
  await page.keyboard.press('Escape');
  await slack.dialog.waitFor({ state: 'detached' });
});

test('typing goes on undisturbed while messages arrive', async () => {
  await slack.become('Alice');
  await slack.goTo('general');
  const other = await Workspace.open(await browser.newWindow(), demo.slack);
  await other.become('Bob');
  await other.goTo('general');
  await slack.type('/sym req approval');
  const question = slack.dialog.getByLabel('Why do you need access?');
  await question.pressSequentially('half a sen');
  await other.type('lunch, anybody? <script>document.title = "broken into"</script>');
  await page.getByRole('article').filter({ hasText: 'lunch, anybody?' }).waitFor({ state: 'attached' });
  await page.keyboard.type('tence');
  assert.equal(await question.inputValue(), 'half a sentence', 'the refresh took neither text nor focus');
  await page.keyboard.press('Escape');
  await slack.dialog.waitFor({ state: 'detached' });
  assert.doesNotMatch(await page.title(), /broken into/, 'what people write is shown, not run');
  await other.page.close();
});

test('the shortcut opens the same picker as the command', async () => {
  await slack.become('Alice');
  await page.getByRole('button', { name: 'Shortcuts' }).click();
  await page.getByRole('menu', { name: 'Shortcuts' }).getByRole('menuitem').first().click();
  await slack.dialog.getByRole('combobox').waitFor();
  await page.keyboard.press('Escape');
  await slack.dialog.waitFor({ state: 'detached' });
});

test('no page reported an error', () => browser.assertNoErrors());

test('Ctrl-C ends the demo while a page is still open', async () => {
  const ending = demo;
  demo = null;
  assert.equal(await ending.stop(), 0, 'the demo ends without an error');
  await assert.rejects(fetch(ending.slack), 'nothing listens any more at the address of the workspace');
  await assert.rejects(fetch(ending.web), 'nothing listens any more at the address of the web app');
  await page.getByText('No connection to the workspace').waitFor();
});
