// The first sign-in of a process, with a slow way to what signs it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { install, requireIn } from './support/install.mjs';
import { Server, freePort, isBuilt } from './support/server.mjs';

/** How long the server waits for a registration: docs/PROTOCOL.md, REGISTRATION_TIMEOUT_MS. */
const REGISTRATION_TIMEOUT_MS = 4_320;

const package_ = install();
const { Client, init } = requireIn(package_, 'msgsrouter');

test('a module that comes late does not cost a connection', { skip: !isBuilt && 'the server is not built' }, async () => {
  const port = await freePort();
  const server = await Server.start({ HOSTS: `127.0.0.1:${port}` });
  let connections = 0;
  const gate = createServer((from) => {
    connections++;
    const to = connect(Number(new URL(server.url).port), '127.0.0.1');
    for (const socket of [from, to]) socket.on('error', () => {});
    from.pipe(to).pipe(from);
  }).listen(port, '127.0.0.1');
  const bytes = readFileSync(join(package_, 'node_modules/msgsrouter/encryption_bg.wasm'));
  const modules = createHttpServer((_, response) => setTimeout(() => response.end(bytes), REGISTRATION_TIMEOUT_MS + 500)).listen(0, '127.0.0.1');
  let client;
  after(async () => {
    client?.close();
    for (const listener of [gate, modules]) listener.close();
    await server.stop();
  });
  await new Promise((resolve) => modules.once('listening', resolve));
  await init({ encryption: new URL(`http://127.0.0.1:${modules.address().port}/encryption_bg.wasm`) });
  client = new Client({ server: `ws://127.0.0.1:${port}`, name: 'Ann', email: 'ann@example.org', secret: 'one of her own', storage: 'memory' });
  client.onmessage = null;
  const closes = [];
  client.onclose = (closed) => closes.push(closed);
  await client.connect();
  assert.deepEqual([connections, closes], [1, []]);
});
