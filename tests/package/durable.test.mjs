// Version 2 from the packed package to the real server: receipts, requests, bytes, devices; and what outlives a process.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { install, requireIn } from './support/install.mjs';
import { Server, isBuilt } from './support/server.mjs';
import { until } from './support/until.mjs';

const package_ = install();
const { Client, MsrError } = requireIn(package_, 'msgsrouter/client');
const SENDER = join(import.meta.dirname, 'support/sender.mjs');

describe('version 2', { skip: !isBuilt && 'the server is not built' }, () => {
  let server, storage, clients;

  before(async () => (server = await Server.start()));
  after(() => server.stop());
  beforeEach(() => {
    storage = mkdtempSync(join(tmpdir(), 'msgsrouter-durable-'));
    clients = [];
  });
  afterEach(() => {
    for (const client of clients) client.close();
    rmSync(storage, { recursive: true, force: true });
  });

  /** A client that prints nothing. Each name is another peer. */
  function made(name, options) {
    const client = new Client({ server: server.url, name, email: `${storage}@example.org`, secret: name, storage, ...options });
    client.onmessage = null;
    clients.push(client);
    return client;
  }

  async function connected(name, options) {
    const client = made(name, options);
    await client.connect();
    return client;
  }

  /** Likewise, and a server that is killed from now on knows it afterwards: what is accepted is on disk, and all before it. */
  async function known(name) {
    const client = await connected(name);
    const { settled } = await client.send('self', 'known', name);
    await settled;
    return client;
  }

  /** The details of the client's events of that type, as they come. */
  function heard(client, type) {
    const details = [];
    client.addEventListener(type, ({ detail }) => details.push(detail));
    return details;
  }

  /** Runs a sender until it ends, or is killed when `until` says so of a line. */
  async function send(to, first, count, killAt = () => false) {
    const env = { ...process.env, MSGSROUTER_STORAGE: storage };
    const child = spawn(process.execPath, [SENDER, package_, server.url, to, String(first), String(count)], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    const lines = [];
    createInterface(child.stdout).on('line', (line) => {
      lines.push(line);
      if (killAt(line)) child.kill('SIGKILL');
    });
    await ended;
    return lines;
  }

  test('a receipt goes on from queued to delivered, and settles', async () => {
    const [ann, bob] = [await connected('Ann'), await connected('Bob')];
    const changes = heard(ann, 'receipt');
    const outbox = heard(ann, 'outbox');
    const messages = bob.messages();
    const nobody = '0'.repeat(32);
    const receipt = await ann.send([bob.credential, nobody], 'hello', { to: 'you' }, { id: 'mine' });
    assert.equal(receipt.id, 'mine');
    assert.ok(Math.abs(receipt.timestamp - Date.now()) < 60_000);
    const refused = receipt.recipients[1];
    assert.deepEqual([refused.to, refused.status, refused.code, typeof refused.reason], [nobody, 'error', 415, 'string']);
    const { value } = await messages.next();
    assert.deepEqual([value.from, value.to, value.content, value.wantsReply], [ann.credential, [bob.credential, nobody], { to: 'you' }, false]);
    assert.equal(await receipt.settled, receipt);
    assert.deepEqual(receipt.recipients[0], { to: bob.credential, status: 'delivered' });
    // The receiver may have it before the server's disk has.
    const told = changes.flatMap(({ changed }) => changed).filter(({ to }) => to === bob.credential).map(({ status }) => status);
    assert.deepEqual(told.filter((status) => status !== 'queued'), ['delivered']);
    assert.ok(changes.length === 2 && changes.every(({ id }) => id === 'mine'));
    assert.notDeepEqual(changes[0].recipients, changes[1].recipients, 'what was told does not change');
    assert.deepEqual(outbox, [1, 0]);
    assert.deepEqual(Object.keys(receipt), ['id', 'timestamp', 'recipients', 'encrypted']);
  });

  test('the same id stays one message', async () => {
    const [ann, bob] = [await connected('Ann'), await connected('Bob')];
    const messages = bob.messages();
    const [first, second] = await Promise.all([1, 2].map((content) => ann.send(bob.credential, 'x', content, { id: 'once' })));
    const third = await ann.send(bob.credential, 'x', 3, { id: 'once' });
    await ann.send(bob.credential, 'x', 'last');
    assert.deepEqual([first.timestamp, first.id], [second.timestamp, third.id]);
    assert.deepEqual([(await messages.next()).value.content, (await messages.next()).value.content], [1, 'last']);
  });

  test('bytes cross as they are, large ones in pieces that are told', async () => {
    const [ann, bob] = [await connected('Ann'), await connected('Bob')];
    const changes = heard(ann, 'receipt');
    const messages = bob.messages();
    const large = new Uint8Array(3_000_000).map((_, at) => at % 251);
    for (const content of [new Uint8Array([0, 255]), new Uint8Array([9, 1, 2, 9]).subarray(1, 3).slice().buffer, new Uint16Array([1, 2]), new Uint8Array(), large]) {
      const expected = content instanceof ArrayBuffer ? new Uint8Array(content) : new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
      const receipt = await ann.send(bob.credential, 'bytes', content);
      const { value } = await messages.next();
      assert.ok(value.content instanceof Uint8Array);
      assert.ok(Buffer.compare(value.content, expected) === 0);
      assert.equal(value.value().checksum, '');
      await receipt.settled;
    }
    const receiving = changes.flatMap(({ changed }) => changed).filter(({ status }) => status === 'receiving');
    assert.ok(receiving.length > 0 && receiving.every(({ bytes }) => bytes > 0));
    assert.ok(changes.at(-1).recipients.every((recipient) => !('bytes' in recipient)));
  });

  test('a request is answered, given up, or taken back', async () => {
    const [ann, bob] = [await connected('Ann'), await connected('Bob')];
    const other = heard(ann, 'message');
    bob.onmessage = (message) => {
      if (message.subject === 'double') return message.reply(message.content * 2);
      if (message.subject === 'echo') return message.reply(message.content);
    };
    const answers = await Promise.all([1, 2, 3].map((number) => ann.request(bob.credential, 'double', number)));
    assert.deepEqual(answers.map(({ content }) => content), [2, 4, 6]);
    assert.deepEqual([answers[0].from, answers[0].subject], [bob.credential, 'double']);
    assert.deepEqual((await ann.request(bob.credential, 'echo', new Uint8Array([7]))).content, new Uint8Array([7]));
    await assert.rejects(ann.request(bob.credential, 'silence', 1, { timeout: 50 }), { name: 'MsrError', code: 551 });
    const stop = new AbortController();
    const request = ann.request(bob.credential, 'silence', 1, { signal: stop.signal });
    await until('it is sent', () => ann.outbox === 0);
    stop.abort();
    await assert.rejects(request, { name: 'AbortError', code: 452 });
    assert.deepEqual(other, [], 'answers are told to whoever asked');
    await assert.rejects(new (requireIn(package_, 'msgsrouter/base').Message)().reply(1), { code: 451 });
  });

  test('a message that was put off holds back the next one of its sender, and comes again until it is acknowledged', async () => {
    // By MD5: what was encrypted before a device came it gets from an older one alone, and that one is gone here.
    const ann = await connected('Ann', { identity: 'md5' });
    const bob = made('Bob', { identity: 'md5' });
    const seen = [];
    bob.onmessage = (message) => {
      seen.push(message.content);
      message.defer();
    };
    await bob.connect();
    const receipt = await ann.send(bob.credential, 'x', 1);
    await ann.send(bob.credential, 'x', 2);
    await until('the first came', () => seen.length === 1);
    // The server is asked something: what else it had to say would have come before the answer.
    await bob.find('nobody');
    assert.deepEqual([seen, receipt.recipients[0].status], [[1], 'queued']);

    await server.kill();
    await server.restart();
    let handled;
    bob.onmessage = (message) => {
      seen.push(message.content);
      message.defer();
      handled = message;
    };
    await Promise.all([ann.connect(), bob.connect()]);
    await bob.find('nobody');
    assert.deepEqual(seen, [1], 'the handler has it still');
    bob.close();

    const again = made('Bob again', { name: 'Bob', secret: 'Bob', identity: 'md5' });
    again.onmessage = (message) => {
      handled = message;
      seen.push(message.content);
      message.defer();
    };
    await again.connect();
    await until('it came to the other device', () => seen.length === 2);
    handled.ack();
    handled.ack();
    await until('the second one too', () => seen.length === 3);
    assert.deepEqual(seen, [1, 1, 2]);
    handled.ack();
  });

  test('a handler that throws has handled its message', async (context) => {
    context.mock.method(console, 'error', () => {});
    const [ann, bob] = [await connected('Ann'), await connected('Bob')];
    const errors = heard(bob, 'error');
    bob.onmessage = () => {
      throw new Error('in a handler');
    };
    const receipt = await ann.send(bob.credential, 'x', 1);
    await receipt.settled;
    assert.deepEqual([receipt.recipients[0].status, errors.map(({ code }) => code)], ['delivered', [454]]);
  });

  test('a loop takes messages one after the other', async () => {
    const [ann, bob] = [await connected('Ann'), await connected('Bob')];
    const receipts = [];
    const seen = [];
    const loop = (async () => {
      for await (const { content } of bob.messages()) {
        seen.push([content, receipts[content + 1]?.recipients[0].status]);
        if (content === 2) return;
        await until('the next one is on its way', () => receipts[content + 1]);
      }
    })();
    for (const number of [0, 1, 2]) receipts.push(await ann.send(bob.credential, 'x', number));
    await loop;
    assert.deepEqual(seen.map(([content]) => content), [0, 1, 2]);
  });

  test('devices are named, told, and retired', async () => {
    const first = await connected('Ann', { device: 'the desk' });
    await until('it is told', () => first.devices.length === 1);
    const changes = heard(first, 'devices');
    const second = await connected('Ann', { device: 'the phone' });
    await until('the second is told', () => first.devices.length === 2 && second.devices.length === 2);
    assert.deepEqual(first.devices.map(({ name, online, isThis }) => [name, online, isThis]).sort(), [['the desk', true, true], ['the phone', true, false]]);
    assert.ok(first.devices.every(({ id, seen, waiting }) => /^[0-9a-f]{32}$/.test(id) && seen > 0 && waiting === 0));
    assert.equal(changes.at(-1), first.devices);
    second.close();
    await until('it is away', () => first.devices.some(({ online }) => !online));
    await first.retire(first.devices.find(({ isThis }) => !isThis).id);
    await until('it is gone', () => first.devices.length === 1);
    await assert.rejects(first.retire('nonsense'), { code: 451 });
  });

  test('a client that is closed leaves its place to the next one', async () => {
    const ids = new Set();
    for (let time = 0; time < 3; time++) {
      const client = await connected('Ann');
      await until('it is told', () => client.devices.length > 0);
      const { offset } = client;
      ids.add(client.devices.find(({ isThis }) => isThis).id);
      client.close();
      assert.equal(client.offset, offset);
      await until('it let go', () => readdirSync(storage).some((name) => name.includes('.lock') && readFileSync(join(storage, name), 'utf8') === 'free'));
    }
    assert.equal(ids.size, 1);
  });

  test('in memory there is nothing to find', async () => {
    const client = await connected('Ann', { storage: 'memory' });
    await client.send('self', 'x', 1);
    assert.deepEqual(readdirSync(storage), []);
    assert.throws(() => (client.storage = storage), { code: 451 });
    assert.equal(client.storage, 'memory');
  });

  test('where nothing can be kept, memory serves and it is said', async () => {
    const file = join(storage, 'a file');
    writeFileSync(file, '');
    const client = made('Ann', { storage: file });
    const errors = heard(client, 'error');
    await client.connect();
    await (await client.send('self', 'x', 1)).settled;
    assert.ok(errors[0] instanceof MsrError);
    assert.deepEqual(errors.map(({ code, retry }) => [code, retry]), [[456, false]]);
  });

  test('what a killed process sent arrives once, in order, and that is what was accepted', async () => {
    const bob = await connected('Bob');
    const seen = [];
    bob.onmessage = ({ content }) => seen.push(content);
    let [next, accepted] = [0, 0];
    for (const [count, killAfter] of [[300, 20], [300, 150], [300, 290]]) {
      const lines = await send(bob.credential, next, count, (line) => line === `accepted ${next + killAfter}`);
      accepted += lines.filter((line) => line.startsWith('accepted')).length;
      next += count;
    }
    await send(bob.credential, next, 1);
    await until('the last one came', () => seen.at(-1) === next);
    assert.ok(seen.length >= accepted, `${accepted} accepted, ${seen.length} came`);
    assert.deepEqual(seen, [...new Set(seen)].sort((one, other) => one - other), 'once, and in order');
    // All was on disk before the first frame: nothing of what the outbox had is missing.
    assert.deepEqual(seen, Array.from({ length: next + 1 }, (_, number) => number));
  });

  test('what was sent without a server waits on disk, and goes out from the process that comes next', async () => {
    const bob = await known('Bob');
    const seen = [];
    bob.onmessage = ({ content }) => seen.push(content);
    await server.kill();
    await leave(bob.credential, 0, 1000);
    await server.restart();
    await send(bob.credential, 1000, 1);
    await until('all came', () => seen.length === 1001);
    assert.deepEqual(seen, Array.from({ length: 1001 }, (_, number) => number));
  });

  /** Starts a sender without a server, and kills it when its messages are on disk. */
  async function leave(to, first, count) {
    const env = { ...process.env, MSGSROUTER_STORAGE: storage };
    const arguments_ = [SENDER, package_, server.url, to, String(first), String(count)];
    const child = spawn(process.execPath, arguments_, { env, stdio: 'ignore' });
    const ended = once(child, 'exit');
    const isThere = (name) => new Set(readFileSync(join(storage, name)).toString('latin1').match(/out:[0-9a-f]{16}/g)).size === first + count;
    await until('it is on disk', () => readdirSync(storage).some((name) => name.endsWith('.journal') && isThere(name)));
    child.kill('SIGKILL');
    await ended;
  }

  test('two processes are two devices, and a dead one does not keep its place', async () => {
    const bob = await connected('Bob');
    let seen = 0;
    bob.onmessage = () => seen++;
    await Promise.all([send(bob.credential, 0, 20), send(bob.credential, 0, 20)]);
    await until('all came', () => seen === 40);
    const journals = () => readdirSync(storage).filter((name) => name.endsWith('.journal') && !name.startsWith(bob.credential)).length;
    const before = journals();
    await send(bob.credential, 0, 1);
    assert.equal(journals(), before);
    assert.ok(before <= 2);
  });

  test('what a dead process left is sent by one that lives', async () => {
    const bob = await known('Bob');
    const seen = [];
    bob.onmessage = ({ content }) => seen.push(content);
    const peer = { name: 'Sender', email: 'sender@example.org', secret: 'of numbers' };
    const living = made('Sender', peer);
    await living.connect();
    await server.kill();
    await leave(bob.credential, 0, 10);
    const receipts = heard(living, 'receipt');
    await server.restart();
    await living.connect();
    await until('all came', () => seen.length === 10);
    assert.deepEqual(seen, Array.from({ length: 10 }, (_, number) => number));
    await until('they are told', () => new Set(receipts.map(({ id }) => id)).size === 10);
    // A message may be delivered before its sender hears that it was accepted.
    assert.ok(receipts.every(({ recipients: [{ to, status }] }) => to === bob.credential && ['queued', 'delivered'].includes(status)));
  });

  describe('a journal', () => {
    let bob;

    /** The path of a journal with so many messages in its outbox, and no server. */
    async function journalOf(count) {
      bob = await known('Bob');
      await server.kill();
      await leave(bob.credential, 0, count);
      return join(storage, readdirSync(storage).find((name) => name.endsWith('.journal') && !name.startsWith(bob.credential)));
    }

    /** What comes of it, and the codes of the errors that are told. */
    async function arrived() {
      const seen = [];
      bob.onmessage = ({ content }) => seen.push(content);
      await server.restart();
      const sender = made('Sender', { name: 'Sender', email: 'sender@example.org', secret: 'of numbers' });
      const [errors, gaps] = [heard(sender, 'error'), heard(sender, 'gap')];
      await sender.connect();
      // Not after the pause to which its attempts have grown meanwhile.
      await bob.connect();
      await sender.send(bob.credential, 'number', 'last');
      await until('the last one came', () => seen.at(-1) === 'last');
      return { seen: seen.slice(0, -1), errors: errors.map(({ code }) => code), gaps: gaps.length };
    }

    test('that was cut off goes on with what is whole', async () => {
      const path = await journalOf(5);
      const whole = readFileSync(path);
      await leave(bob.credential, 5, 1);
      truncateSync(path, statSync(path).size - 1);
      assert.ok(statSync(path).size > whole.length);
      assert.deepEqual(await arrived(), { seen: [0, 1, 2, 3, 4], errors: [], gaps: 0 });
    });

    test('behind which a file system made room goes on as well', async () => {
      appendFileSync(await journalOf(5), new Uint8Array(5000));
      assert.deepEqual(await arrived(), { seen: [0, 1, 2, 3, 4], errors: [], gaps: 0 });
    });

    test('that is damaged in the middle says so, and what was saved goes out', async () => {
      const path = await journalOf(5);
      const { size } = statSync(path);
      await leave(bob.credential, 5, 1);
      const bytes = readFileSync(path);
      bytes[size + 20] ^= 1;
      writeFileSync(path, Buffer.concat([bytes, bytes.subarray(size)]));
      assert.deepEqual(await arrived(), { seen: [0, 1, 2, 3, 4], errors: [455], gaps: 1 });
      assert.ok(readdirSync(storage).some((name) => name.endsWith('.damaged')));
    });
  });
});
