// Headless Chromium for one test file: windows whose script errors fail the test, and screenshots.

import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import assert from 'node:assert/strict';

const require = createRequire(path.join(process.env.PLAYWRIGHT ?? process.cwd(), 'index.js'));
const { chromium } = require('playwright-core');

const WAIT_MS = 15_000; // a loaded machine with two cores

// No calls to the outside, no GPU; the sandbox of Chromium does not work for root.
const FLAGS = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export async function startBrowser() {
  const args = process.getuid?.() === 0 ? [...FLAGS, '--no-sandbox'] : FLAGS;
  const chrome = await chromium.launch({ executablePath: process.env.CHROMIUM, headless: true, args });
  const problems = [];
  /** A browser of its own: shares no cookies with the others. */
  const newBrowser = async (size = { width: 1280, height: 800 }, more = {}) => {
    const context = await chrome.newContext({ viewport: size, ...more });
    context.setDefaultTimeout(WAIT_MS);
    context.on('weberror', (error) => problems.push(String(error.error())));
    context.on('console', (message) => {
      // A refusal by the server (4xx) is a console error as well: tests look at what the page shows instead.
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) problems.push(message.text());
    });
    return context;
  };
  const shared = await newBrowser();
  return {
    newBrowser,
    newWindow: () => shared.newPage(),
    shot: (page, name) => page.screenshot({ path: path.join(process.env.SHOTS ?? tmpdir(), `${name}.png`), animations: 'disabled' }),
    /** Fails when any page reported a script error since the start. */
    assertNoErrors: () => assert.deepEqual(problems, [], 'the pages reported script errors'),
    stop: () => chrome.close(),
  };
}
