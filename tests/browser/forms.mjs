// Forms that code takes part in: options from a prefetch reducer, and fields that on_change shows, fills and renames.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDemo } from './support/demo.mjs';
import { startBrowser } from './support/browser.mjs';
import { Workspace } from './support/workspace.mjs';

const CONFIGURATION = `
resource "sym_environment" "this" {
  name = "main"
}

resource "sym_flow" "access" {
  name           = "access"
  label          = "Access"
  environment_id = sym_environment.this.id
  implementation = file("impl.py")
  params {
    prompt_field {
      name     = "region"
      label    = "Region"
      type     = "string"
      prefetch = true
    }
    prompt_field {
      name           = "kind"
      label          = "Kind"
      type           = "string"
      allowed_values = ["file", "database"]
      on_change      = file("kind.py")
    }
    prompt_field {
      name    = "table"
      label   = "Table"
      type    = "string"
      visible = false
    }
  }
}
`;

const IMPLEMENTATION = `
from sym.sdk.annotations import prefetch, reducer
from sym.sdk.field_option import FieldOption
from sym.sdk.integrations import slack
from sym.sdk.notifications import Notification
from sym.sdk.request_permission import PermissionLevel, RequestPermission

@reducer
def get_permissions(event):
    return RequestPermission(webapp_view=PermissionLevel.ADMIN, approve_deny=PermissionLevel.MEMBER, allow_self_approval=False)

@reducer
def get_request_notifications(event):
    return [Notification(destinations=[slack.channel("#sym-requests")])]

@prefetch("region")
def regions(event):
    return [FieldOption(value=f"eu-{number}", label=f"Europe {number}") for number in range(150)]
`;

const KIND = `
def on_change_kind(username, form):
    database = form.fields["kind"].value == "database"
    form.fields["table"].visible = database
    if database:
        form.fields["table"].value = "users"
        form.additional_header_text = "Databases take a while."
    return form
`;

let flows;
let demo;
let browser;
let page;
let slack;

before(async () => {
  flows = await mkdtemp(join(tmpdir(), 'symbot-flows-'));
  await writeFile(join(flows, 'main.tf'), CONFIGURATION);
  await writeFile(join(flows, 'impl.py'), IMPLEMENTATION);
  await writeFile(join(flows, 'kind.py'), KIND);
  demo = await startDemo(['--flows', flows]);
  browser = await startBrowser();
  page = await browser.newWindow();
  slack = await Workspace.open(page, demo.slack);
});

after(async () => {
  await browser?.stop();
  await demo?.stop();
  if (flows) await rm(flows, { recursive: true });
});

test('typing finds an option of a prefetch reducer, and on_change shows a field with a value', async () => {
  await slack.become('Alice');
  await slack.goTo('general');
  await slack.type('/sym req access');
  const at = (label) => slack.dialog.getByLabel(label, { exact: true });
  await at('Region').click();
  await page.keyboard.type('europe 149');
  await slack.dialog.getByRole('option', { name: 'Europe 149' }).click();
  assert.equal(await at('Table').count(), 0, 'the field is hidden at first');
  await at('Kind').selectOption({ label: 'database' });
  await at('Table').waitFor();
  assert.equal(await at('Table').inputValue(), 'users');
  assert.equal(await at('Region').inputValue(), 'Europe 149', 'what was chosen before is kept');
  await slack.dialog.getByText('Databases take a while.').waitFor();
  await browser.shot(page, 'forms-1-changed');
  await slack.submits();
  await slack.dialog.waitFor({ state: 'detached' });

  await slack.goTo('sym-requests');
  const message = slack.message('Europe 149');
  await message.getByRole('button', { name: 'Approve', exact: true }).waitFor();
  assert.match(await message.innerText(), /Table\s+users/);
  await browser.shot(page, 'forms-2-request');
});

test('what on_change hides again is not asked for', async () => {
  await slack.goTo('general');
  await slack.type('/sym req access');
  const at = (label) => slack.dialog.getByLabel(label, { exact: true });
  await at('Kind').selectOption({ label: 'database' });
  await at('Table').waitFor();
  await at('Kind').selectOption({ label: 'file' });
  await at('Table').waitFor({ state: 'detached' });
  await at('Region').click();
  await page.keyboard.type('europe 7');
  await slack.dialog.getByRole('option', { name: 'Europe 7', exact: true }).click();
  await slack.submits();
  await slack.dialog.waitFor({ state: 'detached' });
});

test('no page reported an error', () => {
  browser.assertNoErrors();
});
