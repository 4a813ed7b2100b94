// What a person does in the simulated workspace, in the words of a person. Elements are found by what can be read on the
// page (role, label, text), so that these helpers also say what the page promises to people who use a screen reader.

import assert from 'node:assert/strict';

export class Workspace {
  constructor(page) {
    this.page = page;
    this.dialog = page.getByRole('dialog');
  }

  static async open(page, url) {
    await page.goto(url);
    const workspace = new Workspace(page);
    await workspace.switcher().waitFor();
    return workspace;
  }

  switcher() {
    return this.page.getByRole('button', { name: /^You are / });
  }

  /** Looks through the eyes of the person called `name` from now on. */
  async become(name) {
    await this.switcher().click();
    await this.page.getByRole('menuitemradio', { name: new RegExp(`^${name}\\b`) }).click();
    await this.page.getByRole('button', { name: new RegExp(`^You are ${name}\\b`) }).waitFor();
  }

  /** Opens a channel, a conversation or the app by its name in the sidebar. */
  async goTo(name) {
    const row = this.page.getByRole('navigation').getByRole('button', { name: new RegExp(`^${name}( \\d+ unread)?$`) });
    await row.click();
    await this.page.getByRole('heading', { level: 1, name }).waitFor();
  }

  async type(text) {
    const box = this.page.getByRole('textbox', { name: /^Message / });
    await box.fill(text);
    await box.press('Enter');
  }

  /** Waits for a dialog with this title. */
  async sees(title) {
    await this.page.getByRole('dialog', { name: title }).waitFor();
  }

  async submits() {
    await this.dialog.locator('button[type=submit]').click();
  }

  /** The message that contains `text`. */
  message(text) {
    return this.page.getByRole('log').getByRole('article').filter({ hasText: text });
  }

  async press(text, button) {
    await this.message(text).getByRole('button', { name: button, exact: true }).click();
  }

  /** Asks for the Approval flow, from `/sym` in the present channel to the closed dialog. */
  async requestApproval(reason) {
    await this.type('/sym');
    await this.dialog.getByRole('combobox').selectOption({ label: 'Approval' });
    await this.submits();
    await this.dialog.getByLabel('Why do you need access?').fill(reason);
    await this.submits();
    await this.dialog.waitFor({ state: 'detached' });
  }

  /** The text of the newest answer that only the present person sees, once there is one that contains `text`. */
  async privateAnswer(text) {
    const answer = this.page.getByRole('log').getByRole('article').filter({ hasText: 'Only visible to you' }).filter({ hasText: text }).last();
    await answer.waitFor();
    return answer;
  }

  async noButtonsOn(text) {
    const buttons = this.message(text).getByRole('button');
    await eventually(`no button is left on the message “${text}”`, () => buttons.count(), 0);
  }
}

/** Waits until `read()` is `wanted`; fails with what was seen last. */
export async function eventually(what, read, wanted, withinMs = 10_000) {
  const end = performance.now() + withinMs;
  let seen = await read();
  while (seen !== wanted && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    seen = await read();
  }
  assert.equal(seen, wanted, what);
}
