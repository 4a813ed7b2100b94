// The web app beside Slack: signing in by a private link, what each person sees, and a decision that both sides show.

import { after, afterEach, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { startDemo } from './support/demo.mjs';
import { startBrowser } from './support/browser.mjs';
import { Workspace, eventually } from './support/workspace.mjs';

const REASON = 'Restart the billing service';

let demo;
let browser;
let page;
let slack;
let signInLink;
const web = {}; // name → page of that person's own browser

before(async () => {
  demo = await startDemo();
  browser = await startBrowser();
  page = await browser.newWindow();
  slack = await Workspace.open(page, demo.slack);
  await slack.become('Alice');
  await slack.goTo('general');
  await slack.requestApproval(REASON);
});

afterEach(async (context) => {
  if (context.passed !== false) return;
  for (const [name, shown] of Object.entries({ slack: page, ...web })) {
    await browser.shot(shown, `failed-${context.name.replace(/\W+/g, '-')}-${name}`);
  }
});

after(async () => {
  await browser?.stop();
  await demo?.stop();
});

/** Types `/sym login` as `name` and returns the address that only they are shown. */
async function linkFor(name) {
  await slack.become(name);
  await slack.goTo('general');
  await slack.type('/sym login');
  const answer = await slack.privateAnswer(/sign in/i);
  return answer.getByRole('link', { name: /sign in/i }).getAttribute('href');
}

/** Signs `name` in, in a browser of their own. */
async function signIn(name) {
  const link = await linkFor(name);
  const context = await browser.newBrowser();
  web[name] = await context.newPage();
  await web[name].goto(link);
  await browser.shot(web[name], `web-sign-in-${name.toLowerCase()}`);
  await web[name].getByRole('button', { name: /^Sign in/ }).click();
  await web[name].getByRole('heading', { level: 1, name: 'Open requests' }).waitFor();
  return link;
}

/** The line of Alice's request in the list that `name` sees. */
const line = (name) => web[name].getByRole('row').filter({ hasText: REASON });

test('who is not signed in is told how to sign in', async () => {
  const stranger = await (await browser.newBrowser()).newPage();
  const answer = await stranger.goto(demo.web);
  assert.equal(answer.status(), 401);
  await stranger.getByText('/sym login').waitFor();
});

test('the link of /sym login signs in, and nobody else in the channel sees it', async () => {
  signInLink = await signIn('Erin');
  assert.ok(signInLink.startsWith(demo.web), `${signInLink} leads to the web app at ${demo.web}`);
  await web.Erin.getByText('Erin').first().waitFor();
  await slack.become('Bob');
  await slack.goTo('general');
  assert.equal(await page.getByRole('link', { name: /sign in/i }).count(), 0, 'Bob does not see the link of Erin');
});

test('a link works once', async () => {
  const thief = await (await browser.newBrowser()).newPage();
  const answer = await thief.goto(signInLink);
  assert.equal(answer.status(), 410);
  await thief.getByRole('heading', { name: 'This link does not work any more' }).waitFor();
  await browser.shot(thief, 'web-link-used');
  await thief.goto(demo.web);
  await thief.getByText('/sym login').waitFor();
});

test('an admin and the requester see the request, somebody else does not', async () => {
  await signIn('Alice');
  await signIn('Carol');
  await line('Erin').waitFor();
  await line('Alice').waitFor();
  assert.equal(await line('Carol').count(), 0, 'webapp_view of the Approval flow is ADMIN');
  await browser.shot(web.Erin, 'web-list-erin');
  const address = await line('Erin').getByRole('link').first().getAttribute('href');
  const answer = await web.Carol.goto(new URL(address, demo.web).href);
  assert.equal(answer.status(), 404, 'nor by its address');
});

test('the requester may look, but not decide', async () => {
  await line('Alice').getByRole('link').first().click();
  await web.Alice.getByText(REASON).first().waitFor();
  await web.Alice.getByText('Why do you need access?').waitFor();
  assert.equal(await web.Alice.getByRole('button', { name: 'Approve' }).count(), 0);
  await web.Alice.getByText(/your own request/).waitFor();
});

test('a decision made in the web app shows in Slack, and the requester hears of it', async () => {
  await line('Erin').getByRole('link').first().click();
  await web.Erin.getByText('Why do you need access?').waitFor();
  await browser.shot(web.Erin, 'web-request');
  await web.Erin.getByLabel('Decision Message').fill('Only until noon, please');
  await web.Erin.getByRole('button', { name: 'Approve', exact: true }).click();
  await web.Erin.getByText(/approved/i).first().waitFor();
  await eventually('no button is left on the page', () => web.Erin.getByRole('button', { name: /^(Approve|Deny)$/ }).count(), 0);
  await browser.shot(web.Erin, 'web-approved');

  await slack.become('Bob');
  await slack.goTo('sym-requests');
  await slack.noButtonsOn(REASON);
  const message = await slack.message(REASON).innerText();
  assert.match(message, /approved[\s\S]*Erin/i, 'the message in Slack names who decided');
  assert.match(message, /Only until noon, please/);
  await browser.shot(page, 'web-decision-in-slack');

  await slack.become('Alice');
  await slack.goTo('Symbot');
  await page.getByRole('log').getByText(/approved/i).first().waitFor();
  await page.getByRole('log').getByText('Only until noon, please').waitFor();
});

test('a decision made in Slack shows in the web app', async () => {
  const reason = 'Look at the audit log';
  await slack.become('Alice');
  await slack.goTo('general');
  await slack.requestApproval(reason);
  await web.Erin.goto(demo.web);
  await web.Erin.getByRole('row').filter({ hasText: reason }).getByRole('link').first().click();
  await slack.become('Bob');
  await slack.goTo('sym-requests');
  await slack.press(reason, 'Deny');
  await slack.noButtonsOn(reason);
  // Erin still looks at the page as it was, with its buttons: a late decision is refused and changes nothing.
  await web.Erin.getByRole('button', { name: 'Approve', exact: true }).click();
  await web.Erin.getByRole('alert').waitFor();
  await web.Erin.getByText(/denied/i).first().waitFor();
  assert.match(await slack.message(reason).innerText(), /denied[\s\S]*Bob/i);
  await browser.shot(web.Erin, 'web-too-late');
});

test('who signs out has to sign in again', async () => {
  await web.Erin.getByRole('button', { name: 'Sign out' }).click();
  await web.Erin.getByRole('heading', { name: 'You are signed out' }).waitFor();
  await web.Erin.goto(demo.web);
  await web.Erin.getByText('/sym login').waitFor();
});

test('no page reported an error', () => browser.assertNoErrors());
