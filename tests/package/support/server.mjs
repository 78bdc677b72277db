// The real server, with a store of its own: it can be killed, and started again where it was.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './until.mjs';

const BINARY = process.env.MSR_SERVER_BIN ?? join(import.meta.dirname, '../../../target/debug/msr-server');

/** Whether there is one to start. */
export const isBuilt = existsSync(BINARY);

export class Server {
  #settings;
  #folder = mkdtempSync(join(tmpdir(), 'msgsrouter-server-'));
  #port;
  #process;

  /** With these settings beside its own, as the environment has them. */
  static async start(settings = {}) {
    const server = new Server();
    server.#settings = settings;
    server.#port = await freePort();
    await server.restart();
    return server;
  }

  get url() {
    return `ws://127.0.0.1:${this.#port}`;
  }

  /** Ends it without a good-bye. */
  async kill() {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
  }

  async restart() {
    const env = { ...process.env, SERVER: '127.0.0.1', PORT: String(this.#port), SRC: 'ANY', DBSRC: this.#folder, ...this.#settings };
    this.#process = spawn(BINARY, [], { env, stdio: 'ignore' });
    const health = `http://127.0.0.1:${this.#port}/healthz`;
    await until('the server answers', async () => (await fetch(health).catch(() => undefined))?.ok);
  }

  async stop() {
    if (this.#process.exitCode === null && this.#process.signalCode === null) await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A port that nobody has. */
export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
