/** A browser with a profile on disk, which can be killed outright and started again. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { EXECUTABLE, FLAGS, TIMEOUT_MS } from './browser.mjs';

const POLL_MS = 20;

export class Profile {
  #folder;
  #process;
  #browser;

  static async make() {
    const profile = new Profile();
    profile.#folder = await mkdtemp(join(tmpdir(), 'msr-profile-'));
    await profile.start();
    return profile;
  }

  async start() {
    const port = join(this.#folder, 'DevToolsActivePort');
    await rm(port, { force: true });
    const flags = ['--headless', ...FLAGS, '--remote-debugging-port=0', `--user-data-dir=${this.#folder}`, 'about:blank'];
    // A group of its own: all of its processes end at once.
    this.#process = spawn(EXECUTABLE, flags, { stdio: 'ignore', detached: true });
    this.#browser = await chromium.connectOverCDP(`http://127.0.0.1:${await appears(port)}`);
  }

  /** Its window. */
  get context() {
    return this.#browser.contexts()[0];
  }

  /** Ends it outright: no page hears of it. */
  async kill() {
    const exited = once(this.#process, 'exit');
    process.kill(-this.#process.pid, 'SIGKILL');
    await exited;
    await this.#browser.close().catch(() => {});
  }

  async stop() {
    if (this.#process.exitCode === null && this.#process.signalCode === null) await this.kill();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** The first line of a file that is about to be written. */
async function appears(path) {
  for (const until = Date.now() + TIMEOUT_MS; Date.now() < until; ) {
    const line = await readFile(path, 'utf8').then((text) => text.split('\n')[0], () => '');
    if (line) return line;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error('the browser did not start');
}
