/** What pages keep: before it is sent, over reloads, days and tabs, against the real server. */

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { TIMEOUT_MS, launch } from './harness/browser.mjs';
import { openGate } from './harness/gate.mjs';
import { packedPackage } from './harness/package.mjs';
import { Profile } from './harness/profile.mjs';
import { Server } from './harness/server.mjs';
import { serveFolder } from './harness/static.mjs';
import { untilIn } from './harness/until.mjs';

/** Moves the clock of a page. */
const aDayLater = `{ const Real = Date;
  const moved = () => Real.now() + ${24 * 3_600 * 1_000};
  globalThis.Date = class extends Real {
    constructor(...parts) { super(...(parts.length ? parts : [moved()])); }
    static now() { return moved(); }
  }; }`;
/** Tags of frames, as docs/PROTOCOL.md lists them. */
const [SEND, ACK] = [0x10, 0x23];

/** Counts what is being written to IndexedDB: a later transaction can read it before it is on disk. */
function countWrites() {
  globalThis.writing = 0;
  const { transaction } = IDBDatabase.prototype;
  IDBDatabase.prototype.transaction = function (stores, mode, options) {
    const made = transaction.call(this, stores, mode, options);
    if (mode !== 'readwrite') return made;
    writing += 1;
    for (const end of ['complete', 'abort']) made.addEventListener(end, () => (writing -= 1));
    return made;
  };
}

let browser, folder, site, server, context;

before(async () => {
  [browser, folder] = await Promise.all([launch(), packedPackage()]);
  site = await serveFolder(folder);
  server = await Server.start({ SRC: site.origin });
});
after(async () => {
  await browser?.close();
  site?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});
// Each test has a browser profile of its own, and so peers of its own.
beforeEach(async () => {
  context = await browser.newContext();
  context.setDefaultTimeout(TIMEOUT_MS);
});
afterEach(async () => {
  await context.close();
});

let peers = 0;
beforeEach(() => peers++);

/** Opens a page with a client of that name, and what it heard; `via` is another way to the server. */
async function open(name, { prepare, window = context, via, identity } = {}) {
  const page = await window.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  await page.addInitScript(countWrites);
  if (prepare) await page.addInitScript(prepare);
  await load(page, name, { via, identity });
  return page;
}

/** Loads it, or loads it again. */
async function load(page, name, { reload = false, via = server.webSocketUrl, identity } = {}) {
  await (reload ? page.reload() : page.goto(site.origin));
  await start(page, name, via, identity);
}

/** Makes the client in a page or a frame. */
async function start(page, name, via = server.webSocketUrl, identity = 'key') {
  await page.evaluate(async ([server, name, email, identity]) => {
    const { Client } = await import('/package/index.js');
    const client = new Client({ server, name, email, secret: name, device: name, identity });
    Object.assign(globalThis, { client, messages: [], errors: [], receipts: [], gaps: 0 });
    client.onmessage = ({ content }) => messages.push(content);
    client.addEventListener('error', ({ detail }) => errors.push(detail.code));
    client.addEventListener('receipt', ({ detail }) => receipts.push(detail));
    client.addEventListener('gap', () => (globalThis.gaps += 1));
    client.connect().catch(() => {});
  }, [via, name, `${peers}@example.org`, identity]);
}

const registered = (page) => untilIn(page, () => client.state === 2);
const credential = (page) => page.evaluate(async () => client.credential);
const messages = (page) => page.evaluate(() => messages);
const device = (page) => untilIn(page, () => client.devices.find(({ isThis }) => isThis)?.id);
const numbers = (count, from = 0) => Array.from({ length: count }, (_, at) => from + at);

/** Sends numbers, of which those before `from` wait already, and waits until all are kept, not until they are accepted. */
async function sendAway(page, to, count, from = 0) {
  await page.evaluate(([to, count, from]) => {
    for (let number = from; number < from + count; number++) client.send(to, 'number', number).catch(() => {});
  }, [to, count, from]);
  await untilIn(page, async (count) => {
    const database = await new Promise((resolve) => {
      const request = indexedDB.open('msgsrouter');
      request.onsuccess = () => resolve(request.result);
    });
    const keys = await new Promise((resolve) => {
      const request = database.transaction('records').objectStore('records').getAllKeys();
      request.onsuccess = () => resolve(request.result);
    });
    database.close();
    return keys.filter(([, key]) => key.startsWith('out:')).length >= count && writing === 0;
  }, from + count);
}

/** Starts the server again, and says so to the pages: their waits have grown meanwhile. */
async function restart() {
  await server.restart();
  for (const page of context.pages()) await page.evaluate(() => dispatchEvent(new Event('online')));
}

async function came(page, count) {
  await untilIn(page, (count) => messages.length >= count, count);
  return messages(page);
}

for (const identity of ['md5', 'key']) test(`a message is on disk before it is sent: ${identity}`, async () => {
  const page = await open('Ann', { identity, prepare: () => {
    globalThis.log = [];
    const { transaction } = IDBDatabase.prototype;
    IDBDatabase.prototype.transaction = function (stores, mode, options) {
      const made = transaction.call(this, stores, mode, options);
      if (mode === 'readwrite') made.addEventListener('complete', () => log.push(options.durability));
      return made;
    };
    const { send } = WebSocket.prototype;
    WebSocket.prototype.send = function (data) {
      log.push(data[0]);
      return send.call(this, data);
    };
  } });
  await registered(page);
  await page.evaluate(() => client.send('self', 'note', 1));
  await came(page, 1);
  const log = await page.evaluate(() => log);
  assert.ok(log.includes('relaxed'), 'what was handled waits for no disk');
  const sent = log.indexOf(SEND);
  const writes = log.slice(0, sent).filter((entry) => typeof entry === 'string');
  // The identity before the registration, the message before its frame; with keys those of the device before the
  // registration as well, the prekeys before others get them, what the message was sealed with, and its number.
  if (identity === 'md5') assert.deepEqual(writes.filter((durability) => durability === 'strict').length, 2);
  else assert.ok(writes.filter((durability) => durability === 'strict').length >= 5, writes.join());
  assert.equal(writes.at(-1), 'strict');
  assert.deepEqual(await page.evaluate(() => errors), []);
});

test('what was sent without a server arrives once and in order, over a reload', async () => {
  const bob = await open('Bob');
  const ann = await open('Ann');
  await Promise.all([registered(ann), registered(bob)]);
  const to = await credential(bob);
  await server.kill();
  await sendAway(ann, to, 40);
  await load(ann, 'Ann', { reload: true });
  await sendAway(ann, to, 40, 40);
  await restart();
  assert.deepEqual(await came(bob, 80), numbers(80));
  await untilIn(ann, () => client.outbox === 0);
});

test('a page goes offline, sends a thousand, is closed; a day later all arrive, once, in order', async (t) => {
  const count = 1_000;
  const gate = openGate(server);
  const profile = await Profile.make();
  try {
    const bob = await open('Bob');
    await registered(bob);
    const to = await credential(bob);
    const elsewhere = { window: profile.context, via: gate.webSocketUrl };
    const ann = await open('Ann', elsewhere);
    await registered(ann);
    gate.pull();
    await untilIn(ann, () => client.state === 0);
    const began = performance.now();
    await sendAway(ann, to, count);
    const keptMs = performance.now() - began;
    await profile.kill();
    await profile.start();
    gate.plug();
    const opened = performance.now();
    const again = await open('Ann', { ...elsewhere, window: profile.context, prepare: aDayLater });
    await registered(again);
    assert.ok(await again.evaluate((now) => Date.now() - now > 23 * 3_600_000, Date.now()), 'its clock is a day ahead');
    assert.deepEqual(await came(bob, count), numbers(count));
    const arrivedMs = performance.now() - opened;
    await untilIn(again, (count) => client.outbox === 0 && new Set(receipts.map(({ id }) => id)).size >= count, count);
    await bob.evaluate(() => client.send('self', 'x', 'after all'));
    assert.deepEqual(await came(bob, count + 1), [...numbers(count), 'after all'], 'and nothing twice');
    assert.deepEqual(await again.evaluate(() => gaps), 0);
    t.diagnostic(`${count} messages: kept offline in ${keptMs.toFixed(0)} ms; all handled ${arrivedMs.toFixed(0)} ms after the page was opened again, loading included`);
  } finally {
    gate.close();
    await profile.stop();
  }
});

test('what was handled is not handled again, over a reload that cut off the acknowledgement', async () => {
  const ann = await open('Ann');
  // Acknowledgements are lost.
  const deaf = `{ const { send } = WebSocket.prototype;
    WebSocket.prototype.send = function (data) { if (data[0] !== ${ACK}) return send.call(this, data); }; }`;
  const bob = await open('Bob', { prepare: deaf });
  await Promise.all([registered(ann), registered(bob)]);
  const to = await credential(bob);
  for (const number of numbers(5)) await ann.evaluate(([to, number]) => client.send(to, 'x', number), [to, number]);
  assert.deepEqual(await came(bob, 5), numbers(5));
  // A strict write comes after those before it: what was handled is on disk then.
  await bob.evaluate(() => client.send('self', 'x', 'kept'));
  await came(bob, 6);
  await load(bob, 'Bob', { reload: true });
  await registered(bob);
  await ann.evaluate((to) => client.send(to, 'x', 'last'), to);
  await untilIn(bob, () => messages.includes('last'));
  assert.deepEqual((await messages(bob)).filter((content) => typeof content === 'number'), []);
});

test('tabs are devices: each gets what is sent, and is itself again after a reload', async () => {
  const first = await open('Ann');
  await registered(first);
  const second = await open('Ann');
  await registered(second);
  const ids = [await device(first), await device(second)];
  assert.notEqual(ids[0], ids[1]);
  const bob = await open('Bob');
  await registered(bob);
  await bob.evaluate((to) => client.send(to, 'x', 1), await credential(first));
  assert.deepEqual([await came(first, 1), await came(second, 1)], [[1], [1]]);
  await first.close();
  await load(second, 'Ann', { reload: true });
  await registered(second);
  assert.equal(await device(second), ids[1], 'not the place of the one that was closed');
  const third = await open('Ann');
  await registered(third);
  assert.equal(await device(third), ids[0], 'which is the next one’s');
});

test('frames of one page are devices too', async () => {
  // The policy of the bare page has no room for frames.
  const window = await browser.newContext({ bypassCSP: true });
  const page = await open('Ann', { window });
  await registered(page);
  await page.evaluate(() => new Promise((resolve) => {
    const frame = document.createElement('iframe');
    frame.onload = resolve;
    frame.src = '/';
    document.body.append(frame);
  }));
  const [, frame] = page.frames();
  await start(frame, 'Ann');
  await registered(frame);
  assert.notEqual(await device(frame), await device(page));
  await untilIn(page, () => client.devices.length === 2);
  await page.evaluate(() => client.send('self', 'x', 1));
  assert.deepEqual([await came(page, 1), await came(frame, 1)], [[1], [1]]);
  await window.close();
});

test('what a closed tab had not sent is sent by the one that is left', async () => {
  const bob = await open('Bob');
  const left = await open('Ann');
  await Promise.all([registered(left), registered(bob)]);
  const closed = await open('Ann');
  await registered(closed);
  const to = await credential(bob);
  await server.kill();
  await sendAway(closed, to, 10);
  await closed.close();
  await restart();
  assert.deepEqual(await came(bob, 10), numbers(10));
  // A message may be delivered before its sender hears that it was accepted.
  await untilIn(left, () => new Set(receipts.map(({ id }) => id)).size === 10);
  const statuses = await left.evaluate(() => receipts.map(({ recipients: [{ status }] }) => status));
  assert.ok(statuses.every((status) => status === 'queued' || status === 'delivered'), statuses.join());
});

test('without a store, or without locks, memory serves and it is said', async () => {
  for (const missing of [
    () => (IDBFactory.prototype.open = () => { throw new Error('private'); }),
    () => Object.defineProperty(Navigator.prototype, 'locks', { value: undefined }),
  ]) {
    const page = await open('Ann', { prepare: missing });
    await registered(page);
    const status = await page.evaluate(() => client.send('self', 'x', 1).then(({ settled }) => settled).then(({ recipients: [{ status }] }) => status));
    assert.equal(status, 'delivered');
    assert.deepEqual(await page.evaluate(() => errors), [456]);
    await page.close();
  }
});

test('a store that is deleted, or taken over by a later version, harms no page', async () => {
  const page = await open('Ann');
  await registered(page);
  await page.evaluate(() => new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase('msgsrouter');
    request.onsuccess = resolve;
    request.onblocked = () => reject(new Error('blocked'));
  }));
  assert.equal(await page.evaluate(() => client.send('self', 'x', 1).then(({ recipients: [{ to }] }) => to)), await credential(page));
  await page.evaluate(() => new Promise((resolve) => {
    const request = indexedDB.open('msgsrouter', 99);
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
  }));
  assert.equal(await page.evaluate(() => client.send('self', 'x', 1).catch(({ code, retry }) => `${code} ${retry}`)), '553 true');
});
