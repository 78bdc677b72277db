// Identities by key in Node: derived in a worker thread, or not, once for the same words, and computed a second time here.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { mkdtempSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { install, requireIn } from './support/install.mjs';

const folder = install();
const { Client, Peer, MsrError, secretStrength, validateCredential } = requireIn(folder, 'msgsrouter');
const WORDS = { name: 'Quark Li', email: 'qli@example.org', secret: 'correct horse battery staple' };
const storage = mkdtempSync(join(tmpdir(), 'msgsrouter-identity-'));
after(() => rmSync(storage, { recursive: true, force: true }));

function made(options) {
  return new Client({ ...WORDS, storage: 'memory', ...options });
}

const md5 = (text) => createHash('md5').update(text).digest('hex');

test('is unknown until it is identified, and then what it is on every device', async () => {
  const client = made();
  const isUnknown = (error) => error instanceof MsrError && error.code === 457 && !error.retry && /await client.identify\(\)/.test(error.reason);
  for (const read of [() => client.credential, () => client.secret, () => client.peer]) assert.throws(read, isUnknown);
  await client.identify();
  assert.match(client.secret, /^ed25519:[\w-]{43}$/);
  const { name, email, secret, credential } = client;
  assert.equal(credential, md5(JSON.stringify({ name, email, secret })));
  assert.ok(validateCredential(client.peer) && new Peer(client.peer.value()).credential === credential);

  const other = made();
  other.email = 'other@example.org';
  await other.identify();
  assert.notEqual(other.secret, secret, 'the same secret of another peer is another key');
  const composed = [made({ secret: 'caf\u00e9 au lait' }), made({ secret: 'cafe\u0301 au lait' })];
  await Promise.all(composed.map((each) => each.identify()));
  assert.equal(composed[0].secret, composed[1].secret, 'however the accent was typed');
});

test('the same words are derived once, and what was derived in the thread is what is derived here', async () => {
  const [first, second] = [made(), made()];
  const started = performance.now();
  await first.identify();
  await second.identify();
  await first.identify();
  assert.equal(first.secret, second.secret);
  assert.ok(performance.now() - started < 20_000);

  // A package without the thread's script, in a process of its own.
  const lame = install();
  unlinkSync(join(lame, 'node_modules/msgsrouter/identity-worker.cjs'));
  const script = `
    const { Client } = require('msgsrouter');
    const client = new Client(${JSON.stringify({ ...WORDS, storage: 'memory' })});
    client.identify().then(() => console.log(client.secret));
  `;
  assert.equal(execFileSync(process.execPath, ['--eval', script], { cwd: lame, encoding: 'utf8' }).trim(), first.secret);
});

test('the public key can be given in place of the secret', async () => {
  const known = made();
  await known.identify();
  const client = made({ secret: known.secret });
  assert.equal(client.credential, known.credential);
  await client.identify();
  assert.equal(client.secret, known.secret);
  const wrong = [known.secret.slice(0, -1), `${known.secret}A`, known.secret.toUpperCase()];
  for (const secret of wrong) assert.throws(() => made({ secret }).credential, { code: 457 }, 'it is a plain secret');
  for (const secret of wrong) assert.throws(() => new Peer({ secret }), { code: 451 });
});

test('a word that changes afterwards takes the secret again', async () => {
  const client = made();
  await client.identify();
  const { credential } = client;
  client.name = 'Somebody Else';
  assert.throws(() => client.credential, { code: 461 });
  await assert.rejects(client.identify(), { code: 461 });
  await assert.rejects(client.send('self', 'x', 1), { code: 461 });
  client.name = WORDS.name;
  assert.equal(client.credential, credential);
  client.identity = 'md5';
  assert.throws(() => client.credential, { code: 461 });
  client.secret = WORDS.secret;
  assert.equal(client.secret, md5(WORDS.secret));
  client.identity = 'key';
  assert.throws(() => client.credential, { code: 461 });
  for (const name of ['First', 'Second']) {
    client.secret = WORDS.secret;
    const identifying = client.identify();
    client.name = name;
    await identifying;
    const { email, secret } = client;
    assert.equal(client.credential, md5(JSON.stringify({ name, email, secret })));
  }
});

test('words that were used by MD5 on this device are refused', async () => {
  const old = made({ identity: 'md5', storage, server: 'ws://127.0.0.1:9' });
  old.connect().catch(() => {});
  await old.send('self', 'x', 1, { expireAfter: 200 }).catch(() => {});
  old.close();
  const client = made({ storage });
  await assert.rejects(client.identify(), { name: 'MsrError', code: 451, reason: /another secret/ });
  await assert.rejects(client.connect(), { code: 451 });
  const others = made({ storage, secret: 'another one' });
  await others.identify();
  await made({ storage: 'memory' }).identify();
});

test('pass phrases, and what a secret is worth', async () => {
  const client = made();
  const [one, other] = [await client.generateSecret(), await client.generateSecret()];
  assert.match(one, /^([a-z]{5}-){7}[a-z]{5}$/);
  assert.notEqual(one, other);
  const [weak, good] = [await secretStrength('password'), await secretStrength(one)];
  assert.ok(weak < 20 && good >= 80, `${weak} ${good}`);
  await assert.rejects(secretStrength('\ud800'), { code: 451 });
});

test('keys are there when the client is connected', async () => {
  const client = made();
  const peer = '0'.repeat(32);
  for (const call of [() => client.accept(peer), () => client.verify(peer), () => client.safetyNumber(peer), () => client.peerDevices(peer), () => client.revoke(peer), () => client.exportKeys('x')]) {
    await assert.rejects(call, { name: 'MsrError', code: 463 });
  }
  for (const wrong of ['', 'x', 5, undefined]) {
    for (const call of [client.accept, client.verify, client.safetyNumber, client.peerDevices, client.revoke]) {
      await assert.rejects(call.call(client, wrong), { code: 451 });
    }
  }
  await assert.rejects(client.importKeys('x', 'y'), { code: 451 });
});

test('the key is Argon2id of the words', { skip: !hasArgon2() && 'this Node has no Argon2' }, async () => {
  const client = made();
  await client.identify();
  const { argon2Sync } = await import('node:crypto');
  const field = (text) => [Buffer.from([Buffer.byteLength(text)]), Buffer.from(text)];
  const salted = Buffer.concat(['msgsrouter account 1', JSON.stringify(WORDS.name), JSON.stringify(WORDS.email)].flatMap(field));
  const nonce = createHash('sha256').update(salted).digest();
  const seed = argon2Sync('argon2id', { message: WORDS.secret, nonce, parallelism: 1, memory: 65_536, passes: 3, tagLength: 32 });
  // PKCS #8 of an Ed25519 seed (RFC 8410).
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const { x } = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })).export({ format: 'jwk' });
  assert.equal(client.secret, `ed25519:${x}`);
});

function hasArgon2() {
  return 'argon2Sync' in process.getBuiltinModule('node:crypto');
}
