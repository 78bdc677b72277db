// Identities by key and encryption, from the packed package to the real server.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { install, requireIn } from './support/install.mjs';
import { Server, freePort, isBuilt } from './support/server.mjs';
import { until } from './support/until.mjs';

const package_ = install();
const { Client } = requireIn(package_, 'msgsrouter');
const SENDER = join(import.meta.dirname, 'support/sender.mjs');

describe('keys', { skip: !isBuilt && 'the server is not built' }, () => {
  let server, storage, clients;

  before(async () => (server = await Server.start()));
  after(() => server.stop());
  beforeEach(() => {
    storage = mkdtempSync(join(tmpdir(), 'msgsrouter-keys-'));
    clients = [];
  });
  afterEach(() => {
    for (const client of clients) client.close();
    rmSync(storage, { recursive: true, force: true });
  });

  /** A client that prints nothing. Each name is another peer. */
  function made(name, options) {
    const client = new Client({ server: server.url, name, email: `${storage}@example.org`, secret: `${name}'s own`, storage, ...options });
    client.onmessage = null;
    clients.push(client);
    return client;
  }

  async function connected(name, options) {
    const client = made(name, options);
    await client.connect();
    return client;
  }

  /** The details of the client's events of that type, as they come. */
  function heard(client, type) {
    const details = [];
    client.addEventListener(type, ({ detail }) => details.push(detail));
    return details;
  }

  /** The ids of the client's own devices, as they are listed; none before it knows. */
  const listed = (client) => client.peerDevices(client.credential).then((devices) => devices.map(({ id }) => id), () => []);

  /** The secret that a page has seen: public, and good on this device alone. */
  const publicly = (client) => ({ secret: client.secret });

  test('what is sent is encrypted, and the receipt and the message say so', async () => {
    const [ann, bob] = [await connected('Ann'), await connected('Bob')];
    const frames = heard(ann, 'frame');
    ann.trace = true;
    const messages = bob.messages();
    const receipt = await ann.send(bob.credential, 'a subject', { a: 'content' });
    const { value } = await messages.next();
    assert.deepEqual([value.from, value.subject, value.content, value.encrypted], [ann.credential, 'a subject', { a: 'content' }, true]);
    assert.ok(receipt.encrypted);
    await receipt.settled;
    assert.equal(receipt.recipients[0].status, 'delivered');
    const sent = Buffer.concat(frames.filter(({ direction }) => direction === 'out').map(({ bytes }) => bytes)).toString('latin1');
    assert.ok(sent.length > 200 && !sent.includes('a subject') && !sent.includes('a content') && !sent.includes('"content"'));

    const bytes = await ann.send(bob.credential, 'bytes', new Uint8Array([1, 2, 3]), { encrypt: 'required' });
    assert.ok(bytes.encrypted);
    assert.deepEqual((await messages.next()).value.content, new Uint8Array([1, 2, 3]));
    const open = await ann.send(bob.credential, 'open', 1, { encrypt: 'off' });
    assert.deepEqual([open.encrypted, (await messages.next()).value.encrypted], [false, false]);
    const self = ann.messages();
    assert.ok((await ann.send('self', 'to myself', 1)).encrypted);
    assert.ok((await self.next()).value.encrypted);
  });

  test('answers, and many in order, both ways', async () => {
    const [ann, bob] = [await connected('Ann'), await connected('Bob')];
    bob.onmessage = (message) => message.subject === 'double' && message.reply(message.content * 2);
    assert.deepEqual(await Promise.all([1, 2, 3].map(async (number) => (await ann.request(bob.credential, 'double', number)).content)), [2, 4, 6]);
    const seen = [];
    bob.onmessage = ({ content, encrypted }) => seen.push([content, encrypted]);
    const numbers = Array.from({ length: 100 }, (_, number) => number);
    const receipts = await Promise.all(numbers.map((number) => ann.send(bob.credential, 'n', number)));
    assert.ok(receipts.every(({ encrypted }) => encrypted));
    await until('all came', () => seen.length === 100);
    assert.deepEqual(seen, numbers.map((number) => [number, true]));
  });

  test('a device that comes back has its keys still, and needs no secret for them', async () => {
    const [ann, bob] = [await connected('Ann'), await connected('Bob')];
    await (await ann.send(bob.credential, 'first', 1)).settled;
    const known = publicly(bob);
    bob.close();
    await until('it let go', () => readdirSync(storage).some((name) => name.startsWith(bob.credential) && name.includes('.lock') && readFileSync(join(storage, name), 'utf8') === 'free'));
    const waiting = await ann.send(bob.credential, 'second', 2);
    assert.ok(waiting.encrypted);
    const again = made('Bob', known);
    const messages = again.messages();
    await again.connect();
    const { value } = await messages.next();
    assert.deepEqual([value.content, value.encrypted], [2, true]);
    assert.equal((await ann.peerDevices(bob.credential)).length, 1, 'it is the same device');

    const stranger = made('Bob', { ...known, storage: 'memory' });
    await assert.rejects(stranger.connect(), { name: 'MsrError', code: 461 });
  });

  test('each device of a peer gets what is sent after it came, and the others are told of it', async () => {
    const [ann, desk] = [await connected('Ann'), await connected('Bob', { device: 'desk' })];
    await (await ann.send(desk.credential, 'x', 1)).settled;
    const changes = heard(desk, 'peerchange');
    const seen = heard(ann, 'peerchange');
    const phone = await connected('Bob', { device: 'phone' });
    await until('the desk is told', () => changes.some(({ change, held }) => change === 'own-device-added' && !held));
    const [atDesk, atPhone] = [desk.messages(), phone.messages()];
    await ann.send(desk.credential, 'x', 2);
    for (const messages of [atDesk, atPhone]) {
      const { value } = await messages.next();
      assert.deepEqual([value.content, value.encrypted], [2, true]);
    }
    assert.ok(seen.some(({ credential, change, held }) => credential === desk.credential && change === 'device-added' && !held));
    assert.deepEqual((await ann.peerDevices(desk.credential)).map(({ trusted }) => trusted), [true, true]);
  });

  test('a new device of a peer that was verified waits until it is accepted', async () => {
    const [ann, bob] = [await connected('Ann'), await connected('Bob')];
    await (await ann.send(bob.credential, 'x', 1)).settled;
    await (await bob.send(ann.credential, 'x', 1)).settled;
    const [one, other] = [await ann.safetyNumber(bob.credential), await bob.safetyNumber(ann.credential)];
    assert.match(one.digits, /^\d{60}$/);
    assert.equal(one.digits, other.digits);
    assert.ok(one.qr.length > 60);
    assert.match(one.svg, /^<svg [^>]*viewBox="0 0 57 57"/, 'with the white edge of a code of 49 modules');
    const nobody = '0'.repeat(32);
    for (const ask of ['safetyNumber', 'peerKeys', 'peerDevices']) await assert.rejects(ann[ask](nobody), { code: 459, credential: nobody });
    const trust = async () => {
      const { verified, held } = await ann.peerKeys(bob.credential);
      return { verified, held };
    };
    assert.deepEqual(await trust(), { verified: false, held: false });
    await ann.verify(bob.credential);
    assert.deepEqual(await trust(), { verified: true, held: false });

    const changes = heard(ann, 'peerchange');
    const second = await connected('Bob');
    const messages = second.messages();
    await until('it is listed', async () => (await bob.peerDevices(bob.credential)).length === 2);
    let isSent = false;
    const sending = ann.send(bob.credential, 'x', 2).then((receipt) => ((isSent = true), receipt));
    await until('it is told', () => changes.some(({ change, held }) => change === 'device-added' && held));
    assert.deepEqual((await ann.peerDevices(bob.credential)).map(({ trusted }) => trusted).sort(), [false, true]);
    await ann.find('nobody');
    assert.equal(isSent, false);
    assert.deepEqual(await trust(), { verified: true, held: true });
    await ann.accept(bob.credential);
    assert.deepEqual(await trust(), { verified: true, held: false });
    assert.ok((await sending).encrypted);
    assert.equal((await messages.next()).value.content, 2);
  });

  test('a device is revoked', async () => {
    const [desk, phone] = [await connected('Bob', { device: 'desk' }), await connected('Bob', { device: 'phone' })];
    const lost = heard(phone, 'error');
    await until('both are known', () => desk.devices.length === 2);
    const { id } = desk.devices.find(({ isThis }) => !isThis);
    await desk.revoke(id);
    await until('it is told', () => lost.some(({ code }) => code === 426));
    assert.equal(phone.state, phone.STATE.CLOSED);
    assert.deepEqual((await desk.peerDevices(desk.credential)).map((device) => device.id === id), [false]);
  });

  test('a device that keeps nothing goes off the list with bye(), and comes back', async () => {
    const [desk, phone] = [await connected('Bob'), await connected('Bob', { storage: 'memory' })];
    await until('both are known', async () => (await listed(desk)).length === 2 && phone.devices.length === 2);
    const { id } = phone.devices.find(({ isThis }) => isThis);
    const errors = heard(phone, 'error');
    phone.bye();
    await until('it is off the list, and its queue is freed', async () => !(await listed(desk)).includes(id) && desk.devices.length === 1);
    await until('it is closed', () => phone.state === phone.STATE.CLOSED);
    await phone.connect();
    await until('it is listed again', async () => (await listed(desk)).includes(id) && phone.devices.length === 2);
    // What is closed before is closed, and who connects again does so afterwards.
    phone.bye();
    phone.close();
    assert.equal(phone.state, phone.STATE.CLOSED);
    await phone.connect();
    await until('it knows of the other', () => phone.devices.length === 2);
    phone.bye();
    await phone.connect();
    assert.equal(phone.state, phone.STATE.REGISTERED);
    const messages = phone.messages();
    await desk.send('self', 'x', 1);
    assert.equal((await messages.next()).value.content, 1);
    // Coming back can be taken back.
    for (const takeBack of ['close', 'bye']) {
      await until('it knows of the other again', () => phone.devices.length === 2);
      phone.bye();
      const coming = phone.connect();
      assert.equal(phone.connect(), coming);
      phone[takeBack]();
      await assert.rejects(coming, { code: 453 });
      await until('it is closed again', () => phone.state === phone.STATE.CLOSED);
      await phone.connect();
    }
    assert.deepEqual(errors, []);
  });

  test('a device that keeps nothing stays on the list where it is needed', async () => {
    const own = ({ devices }) => devices.find(({ isThis }) => isThis).id;
    // What it sent may still have to be read.
    const [ann, desk] = [await connected('Ann'), await connected('Bob')];
    const phone = await connected('Bob', { storage: 'memory' });
    await until('both are known', async () => (await listed(desk)).length === 2 && phone.devices.length === 2);
    const away = ann.credential;
    ann.close();
    await phone.send(away, 'x', 1);
    phone.bye();
    assert.equal(phone.state, phone.STATE.CLOSED, 'at once');
    const reader = made('Ann');
    const first = reader.messages().next();
    await reader.connect();
    const { value } = await first;
    assert.deepEqual([value.content, value.encrypted], [1, true]);
    assert.ok((await listed(desk)).length === 2);
    // There is nobody else who gets what comes for the peer.
    const alone = await connected('Alone', { storage: 'memory' });
    await until('it is known', () => alone.devices.length === 1);
    const id = own(alone);
    alone.bye();
    assert.equal(alone.state, alone.STATE.CLOSED);
    await alone.connect();
    await until('it is listed', async () => (await listed(alone)).length === 1);
    assert.equal(own(alone), id);
  });

  test('a peer without keys gets nothing encrypted, and nothing else unless that is allowed', async () => {
    const ann = await connected('Ann');
    const old = await connected('Old', { identity: 'md5', storage: 'memory' });
    const messages = old.messages();
    const errors = heard(ann, 'error');
    await assert.rejects(ann.send(old.credential, 'x', 1, { encrypt: 'required' }), { code: 459, credential: old.credential });
    const two = [ann.credential, old.credential];
    await assert.rejects(ann.send(two, 'x', 1, { encrypt: 'required' }), { code: 459, credential: old.credential });
    const stop = new AbortController();
    const held = ann.send(old.credential, 'x', 2, { signal: stop.signal });
    await until('it is told', () => errors.some(({ code, credential }) => code === 459 && credential === old.credential));
    stop.abort();
    await assert.rejects(held, { code: 452 });
    const receipt = await ann.send(old.credential, 'x', 3, { allowPlain: true });
    const { value } = await messages.next();
    assert.deepEqual([receipt.encrypted, value.content, value.encrypted], [false, 3, false]);
    const answers = ann.messages();
    await old.send(ann.credential, 'x', 4);
    assert.deepEqual((await answers.next()).value.encrypted, false);
    await assert.rejects(old.send(ann.credential, 'x', 5, { encrypt: 'required' }), { code: 459 });
    ann.allowPlain = true;
    assert.equal((await ann.send(old.credential, 'x', 6)).encrypted, false);
  });

  test('what one device knows, another can take over', async () => {
    const [ann, bob] = [await connected('Ann'), await connected('Bob')];
    await (await ann.send(bob.credential, 'x', 1)).settled;
    await ann.verify(bob.credential);
    const backup = await ann.exportKeys('a pass phrase');
    const text = Buffer.from(backup).toString('latin1');
    assert.ok(backup.length > 100 && !text.includes('Bob'));
    const second = await connected('Ann', { storage: 'memory' });
    await assert.rejects(second.safetyNumber(bob.credential), { code: 459 });
    await assert.rejects(second.importKeys(backup, 'another'), { name: 'MsrError', code: 451 });
    await assert.rejects(bob.importKeys(backup, 'a pass phrase'), { code: 451 });
    await second.importKeys(backup, 'a pass phrase');
    assert.equal((await second.safetyNumber(bob.credential)).digits, (await ann.safetyNumber(bob.credential)).digits);
  });

  test('keys that cannot be kept are not used: connect() says so, and works when there is room again', async (context) => {
    const handle = await open(join(storage, 'any'), 'w');
    const files = Object.getPrototypeOf(handle);
    await handle.close();
    const { write: original } = files;
    const write = context.mock.method(files, 'write', async function (bytes, ...rest) {
      if (Buffer.from(bytes).includes('key:device')) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      return original.call(this, bytes, ...rest);
    });
    const ann = made('Ann');
    await assert.rejects(ann.connect(), ({ name, code, reason }) => name === 'MsrError' && code === 463 && reason.includes('no space left'));
    assert.equal(ann.state, ann.STATE.CLOSED);
    write.mock.restore();
    await ann.connect();
    assert.ok((await ann.send('self', 'x', 1)).encrypted);
  });

  test('what is held in the outbox of a dead process does not hold up the next one', async () => {
    const words = { name: 'Sender', email: 'sender@example.org', secret: 'of numbers' };
    const [bob, old] = [await connected('Bob'), await connected('Old', { identity: 'md5', storage: 'memory' })];
    const seen = [];
    bob.onmessage = ({ content }) => seen.push(content);
    const living = await connected('Sender', words);
    const nobody = `ws://127.0.0.1:${await freePort()}`;
    const outboxes = () => readdirSync(storage).filter((name) => name.endsWith('.journal') && readFileSync(join(storage, name)).includes('out:'));
    const children = [];
    // The first has something for a peer without keys, which is held; the second for one that has them.
    for (const [to, number] of [[old.credential, 0], [bob.credential, 1]]) {
      const env = { ...process.env, MSGSROUTER_STORAGE: storage };
      children.push(spawn(process.execPath, [SENDER, package_, nobody, to, String(number), '1'], { env, stdio: 'ignore' }));
      await until('it is on disk', () => outboxes().length === number + 1);
    }
    for (const child of children) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    living.close();
    await living.connect();
    await until('the second one is sent', () => seen.includes(1));
  });

  test('secrets and keys are not on the disk in plain', async () => {
    const [ann, bob] = [await connected('Ann'), await connected('Bob')];
    await (await ann.send(bob.credential, 'a subject of mine', 'content of mine')).settled;
    const kept = readdirSync(storage).filter((name) => name.endsWith('.journal')).map((name) => readFileSync(join(storage, name)));
    assert.equal(kept.length, 2);
    for (const bytes of kept) {
      for (const word of ["Ann's own", "Bob's own"]) assert.ok(!bytes.includes(word));
    }
  });
});
