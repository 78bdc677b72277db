// A server to test against: the real one when it is built, else a small one in this process.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeRelay } from './fake-relay.mjs';
import { until } from './until.mjs';

const BINARY = process.env.MSR_SERVER_BIN ?? join(import.meta.dirname, '../../../target/debug/msr-server');

/** Starts one; gives its `url` and `stop()`. */
export async function startRelay() {
  return existsSync(BINARY) ? startReal() : FakeRelay.start();
}

async function startReal() {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'msgsrouter-relay-'));
  const env = { ...process.env, SERVER: '127.0.0.1', PORT: String(port), SRC: 'ANY', DBSRC: folder };
  const server = spawn(BINARY, [], { env, stdio: 'ignore' });
  const ended = new Promise((resolve) => server.once('exit', resolve));
  await until('the server answers', async () => (await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined))?.ok);
  return {
    url: `ws://127.0.0.1:${port}`,
    async stop() {
      server.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
