/** The real server, as a process of its own on a port of 127.0.0.1. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const BINARY = process.env.MSR_SERVER_BIN ?? fileURLToPath(new URL('../../../target/debug/msr-server', import.meta.url));
const START_TIMEOUT_MS = 20_000;
/** How many ways to it beside its own port: an identity by key signs the port that it dialled. */
const GATES = 4;

export class Server {
  #process;
  #folder;
  #environment;
  /** Ports that listen already, and lead nowhere yet. @type {import('node:net').Server[]} */
  #gates = [];
  port = 0;

  /**
   * Starts a server with a store of its own.
   * @param {Record<string, string>} [environment] `SRC` and the like
   */
  static async start(environment = {}) {
    const server = new Server();
    server.#folder = await mkdtemp(join(tmpdir(), 'msr-browser-'));
    const gates = Array.from({ length: GATES }, () => createServer().listen(0, '127.0.0.1'));
    await Promise.all(gates.map((gate) => once(gate, 'listening')));
    server.#gates = gates;
    server.#environment = { HOSTS: gates.map((gate) => `127.0.0.1:${gate.address().port}`).join(), ...environment };
    await server.restart();
    return server;
  }

  get url() {
    return `http://127.0.0.1:${this.port}/`;
  }

  get webSocketUrl() {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** A port that the server knows as its own, for a way to it. */
  takeGate() {
    const gate = this.#gates.pop();
    if (!gate) throw new Error(`a server has ${GATES} gates`);
    return gate;
  }

  /** Kills it outright: no good-bye to anybody. */
  async kill() {
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }

  /** Deletes what it has kept, while it is not running. */
  async forget() {
    await rm(join(this.#folder, 'data'), { recursive: true, force: true });
  }

  /** Starts it again, on the port it had. */
  async restart() {
    const environment = { ...process.env, SERVER: '127.0.0.1', PORT: String(this.port), DBSRC: join(this.#folder, 'data'), ...this.#environment };
    this.#process = spawn(BINARY, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    let log = '';
    this.#process.stderr.on('data', (chunk) => (log += chunk));
    this.port = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the server did not start:\n${log}`)), START_TIMEOUT_MS);
      this.#process.once('error', reject);
      this.#process.once('exit', (code) => reject(new Error(`the server ended with ${code}:\n${log}`)));
      createInterface(this.#process.stdout).on('line', (line) => {
        const match = /^listening on https?:\/\/[^/]*:(\d+)/u.exec(line);
        if (!match) return;
        clearTimeout(timer);
        resolve(Number(match[1]));
      });
    });
  }

  async stop() {
    if (this.#process.exitCode === null && this.#process.signalCode === null) await this.kill();
    for (const gate of this.#gates) gate.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
