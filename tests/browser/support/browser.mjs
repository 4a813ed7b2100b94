// Headless Chromium for one test file: windows whose script errors fail the test, and screenshots.

import { createRequire } from 'node:module';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import assert from 'node:assert/strict';

const require = createRequire(path.join(process.env.PLAYWRIGHT ?? process.cwd(), 'index.js'));
const { chromium } = require('playwright-core');

const WAIT_MS = 15_000; // a loaded machine with two cores

// No calls to the outside, no GPU; the sandbox of Chromium does not work for root.
const FLAGS = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export async function startBrowser() {
  const profile = mkdtempSync(path.join(tmpdir(), 'symbot-browser-'));
  const args = process.getuid?.() === 0 ? [...FLAGS, '--no-sandbox'] : FLAGS;
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM, headless: true, args, viewport: { width: 1280, height: 800 },
  });
  context.setDefaultTimeout(WAIT_MS);
  const problems = [];
  context.on('weberror', (error) => problems.push(String(error.error())));
  context.on('console', (message) => {
    // A refusal by the server (4xx) is reported as a console error as well: tests look at what the page shows instead.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) problems.push(message.text());
  });
  return {
    context,
    newWindow: () => context.newPage(),
    shot: (page, name) => page.screenshot({ path: path.join(process.env.SHOTS ?? tmpdir(), `${name}.png`), animations: 'disabled' }),
    /** Fails when any page reported a script error since the start. */
    assertNoErrors: () => assert.deepEqual(problems, [], 'the pages reported script errors'),
    async stop() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
