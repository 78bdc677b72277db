// How the package is loaded: by import and by require, before and after init(), with and without a page.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { install } from './support/install.mjs';

const folder = install({ ws: false });
const inside = join(folder, 'node_modules/msgsrouter');

/** What a script prints, as JSON; each starts with nothing loaded. */
function run(script, type = 'module') {
  const printed = execFileSync(process.execPath, [`--input-type=${type}`, '--eval', script], { cwd: folder, encoding: 'utf8' });
  return JSON.parse(printed);
}

test('nothing of ours but the package is in the tarball', () => {
  const names = readdirSync(inside).sort();
  assert.deepEqual(names.filter((name) => !/\.(js|cjs|mjs|d\.ts|d\.cts|wasm)$/.test(name)), ['LICENSE', 'README.md', 'package.json', 'types']);
  const { scripts, dependencies } = JSON.parse(readFileSync(join(inside, 'package.json'), 'utf8'));
  assert.deepEqual([scripts, dependencies], [undefined, undefined]);
});

test('import and require share one instance', () => {
  const shared = run(`
    import { createRequire } from 'node:module';
    import { client, Client } from 'msgsrouter';
    import original, { client as named } from 'msgsrouter/client';
    import { Peer } from 'msgsrouter/base';
    const require = createRequire(process.cwd() + '/index.js');
    const required = require('msgsrouter/client');
    console.log(JSON.stringify([
      original === named, original === required, original === required.client, original === required.default,
      client !== original, client.identity === 'key', original.identity === 'md5',
      original instanceof Client, client instanceof required.Client, client === require('msgsrouter').client,
      Client === require('msgsrouter').Client, Peer === require('msgsrouter/base').Peer, original.peer instanceof Peer,
    ]));
  `);
  assert.deepEqual(shared, shared.map(() => true));
});

test('the same names in a browser, in Node by import, and by require', () => {
  const [browser, node, required] = run(`
    import * as browser from './node_modules/msgsrouter/index.js';
    import * as node from 'msgsrouter';
    import { createRequire } from 'node:module';
    const required = createRequire(process.cwd() + '/index.js')('msgsrouter');
    console.log(JSON.stringify([browser, node, required].map((module) => Object.keys(module).sort())));
  `);
  assert.deepEqual(node, browser);
  assert.deepEqual(required.filter((name) => name !== 'initSync'), browser);
});

test('the browser build is imported where there is no page, and touches nothing', () => {
  const added = run(`
    for (const name of ['WebSocket', 'fetch', 'document', 'window', 'navigator']) {
      Object.defineProperty(globalThis, name, { configurable: true, get() { throw new Error(name + ' was touched') } });
    }
    const before = Object.getOwnPropertyNames(globalThis);
    const { client, STATE } = await import('./node_modules/msgsrouter/index.js');
    client.name = 'Quark Li';
    client.secret = 'password';
    if (client.state !== STATE.CLOSED || client.offset !== 0 || client.roundTrip !== null || client.outbox !== 0) throw new Error('not idle');
    console.log(JSON.stringify(Object.getOwnPropertyNames(globalThis).filter((name) => !before.includes(name))));
  `);
  assert.deepEqual(added, []);
});

test('what needs WebAssembly says so before init(), and works after', () => {
  const [before, after] = run(`
    import { Client, Message, Peer, init, validateCredential, validateMessage, Hub } from 'msgsrouter';
    const client = new Client({ identity: 'md5' });
    const tries = [
      () => new Peer().credential, () => new Message().checksum, () => client.credential, () => client.secret,
      () => client.peer.credential, () => validateCredential({}), () => validateMessage({}),
    ];
    const outcome = (act) => { try { return act() } catch ({ name, code, retry, message }) { return { name, code, retry, message } } };
    client.name = 'Quark Li';
    client.email = 'qli@example.org';
    client.secret = 'password';
    new Hub().value();
    const before = tries.map(outcome);
    const [first, second] = [init(), init()];
    if (first !== second) throw new Error('not memoised');
    await first;
    console.log(JSON.stringify([before, tries.map(outcome)]));
  `);
  for (const error of before) {
    assert.deepEqual([error.name, error.code, error.retry], ['MsrError', 450, false]);
    assert.match(error.message, /await init\(\) first/);
  }
  const credential = '2a51da84f681ebcaa4818b5f3c1e5791';
  const secret = '5f4dcc3b5aa765d61d8327deb882cf99';
  assert.equal(after[0], '3ccb7d82bb030d0c902bfac1b6d4eb96');
  assert.match(after[1], /^[0-9a-f]{32}$/);
  assert.deepEqual(after.slice(2), [credential, secret, credential, false, false]);
});

test('init() takes bytes, a module or a response, and can be tried again', () => {
  const source = `node_modules/msgsrouter/msgsrouter_bg.wasm`;
  for (const from of ['bytes', '{ core: bytes }', 'new WebAssembly.Module(bytes)', `new Response(bytes, { headers: { 'content-type': 'application/wasm' } })`]) {
    const credential = run(`
      import { readFileSync } from 'node:fs';
      import { Peer, init } from './node_modules/msgsrouter/index.js';
      const bytes = readFileSync('${source}');
      const failed = await init(new Uint8Array([1, 2, 3])).then(() => false, () => true);
      if (!failed) throw new Error('that was no WebAssembly');
      await init(${from});
      console.log(JSON.stringify(new Peer().credential));
    `);
    assert.equal(credential, '3ccb7d82bb030d0c902bfac1b6d4eb96', from);
  }
});

test('a Node without any WebSocket is told what to do', () => {
  const error = run(`
    import { client } from 'msgsrouter';
    delete globalThis.WebSocket;
    client.server = 'ws://127.0.0.1:9';
    client.connect().catch(({ name, code, reason }) => console.log(JSON.stringify({ name, code, reason })));
  `);
  assert.deepEqual([error.name, error.code], ['MsrError', 451]);
  assert.match(error.reason, /npm install ws/);
});

test('a message that waits in a closed client does not hold the process', () => {
  const waiting = run(`
    import { Client } from 'msgsrouter/client';
    const client = new Client({ server: 'ws://127.0.0.1:9', name: 'x', identity: 'md5' });
    globalThis.WebSocket ??= class extends EventTarget { close() {} };
    client.connect().catch(() => {});
    client.send('self', 'x', 1);
    client.close();
    console.log(client.outbox);
  `);
  assert.equal(waiting, 1);
});

test('a module from a file, from a promise, and one that comes second', () => {
  const hash = `new Peer({ name: 'a', email: 'b', secret: '0'.repeat(32) }).credential`;
  const file = `new URL('file://' + process.cwd() + '/node_modules/msgsrouter/msgsrouter_bg.wasm')`;
  const plain = run(`import { init, Peer } from 'msgsrouter'; await init(); console.log(JSON.stringify(${hash}));`);
  const fromFile = run(`import { init, Peer } from 'msgsrouter'; await init(${file}); console.log(JSON.stringify(${hash}));`);
  const promised = run(`
    import { init, Peer } from 'msgsrouter';
    import { readFileSync } from 'node:fs';
    await init(Promise.resolve(new Response(readFileSync(${file}))));
    console.log(JSON.stringify(${hash}));
  `);
  // The one that was loaded before it returned goes on being used.
  const second = run(`
    import { init, Peer } from 'msgsrouter';
    import { createRequire } from 'node:module';
    const coming = init(${file});
    createRequire(process.cwd() + '/index.js')('msgsrouter/base');
    const before = ${hash};
    await coming;
    console.log(JSON.stringify([before, ${hash}]));
  `);
  assert.deepEqual([fromFile, promised, ...second], [plain, plain, plain, plain]);
});

test('a part that cannot be loaded is told as such', () => {
  const told = run(`
    import { Client, init } from 'msgsrouter';
    await init({ encryption: new Uint8Array(3), passphrase: new URL('file:///nowhere') });
    const client = new Client({ server: 'ws://127.0.0.1:9', name: 'a', email: 'b', secret: 'c', storage: 'memory' });
    const refused = await Promise.allSettled([client.connect(), client.identify(), client.generateSecret()]);
    console.log(JSON.stringify(refused.map(({ reason }) => [reason.name, reason.code, reason.retry])));
  `);
  assert.deepEqual(told, Array(3).fill(['MsrError', 463, true]));
});
