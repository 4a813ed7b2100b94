// Starts and stops `symbot demo` for one test file, by the handle of its own child process.

import { spawn } from 'node:child_process';
import { once } from 'node:events';

const READY_MS = 60_000; // a cold machine loads flows and warms its workers first
const STOP_MS = 10_000;
const KEPT_OUTPUT = 8_000; // characters shown when the demo fails

/** Resolves to {slack, web, stop(), output()} once both addresses have been printed. */
export async function startDemo(args = []) {
  const child = spawn(process.env.SYMBOT_BIN, ['demo', '--no-open', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const found = {};
  const ended = once(child, 'exit');
  const ready = new Promise((resolve, reject) => {
    const read = (chunk) => {
      output = (output + chunk).slice(-KEPT_OUTPUT);
      found.slack ??= /^Slack simulator: (http:\S+)/m.exec(output)?.[1];
      found.web ??= /^Web app: (http:\S+)/m.exec(output)?.[1];
      if (found.slack && found.web) resolve();
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    child.on('error', reject);
    ended.then(([code, signal]) => reject(new Error(`symbot demo ended (${signal ?? code}) before it was ready:\n${output}`)));
    setTimeout(() => reject(new Error(`symbot demo was not ready after ${READY_MS / 1000} s:\n${output}`)), READY_MS).unref();
  });
  try {
    await ready;
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return {
    ...found,
    output: () => output,
    /** Ends the demo as Ctrl-C does; resolves to its exit code. */
    async stop() {
      child.kill('SIGINT');
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      const [code, signal] = await ended;
      clearTimeout(late);
      if (signal === 'SIGKILL') throw new Error(`symbot demo did not end within ${STOP_MS / 1000} s of Ctrl-C:\n${output}`);
      return code;
    },
  };
}
