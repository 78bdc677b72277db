// A client of the packed package, against a server in this process that does what it is told.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { FakeRelay, spell } from './support/fake-relay.mjs';
import { install, requireIn } from './support/install.mjs';
import { until } from './support/until.mjs';

const { Client, STATE } = requireIn(install(), 'msgsrouter/client');
const PEER = { name: 'Quark Li', email: 'qli@example.org', secret: 'password' };
const CREDENTIAL = '2a51da84f681ebcaa4818b5f3c1e5791';

let relay;
let clients;

beforeEach(async () => {
  relay = await FakeRelay.start();
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.close();
  await relay.stop();
});

/** A client of the relay, which speaks version 1 alone, that prints nothing. */
function made(options) {
  const client = new Client({ server: relay.url, identity: 'md5', ...PEER, ...options });
  client.onmessage = null;
  clients.push(client);
  return client;
}

/** The details of the client's events of that type, as they come. */
function heard(client, type) {
  const details = [];
  client.addEventListener(type, ({ detail }) => details.push(detail));
  return details;
}

test('connects, registers, tells its states and its clock', async () => {
  const client = made();
  const states = [];
  client.onstate = (state) => states.push(state);
  const events = heard(client, 'state');
  assert.equal(client.state, client.STATE.CLOSED);
  const connecting = client.connect();
  assert.equal(client.connect(), connecting);
  await connecting;
  assert.equal(client.state, STATE.REGISTERED);
  assert.deepEqual([states, events], [[1, 2], [1, 2]]);
  assert.ok(Number.isFinite(client.offset) && Math.abs(client.offset) < 1000);
  assert.ok(client.roundTrip >= 0);
  assert.ok(Math.abs(client.getTime() - (Date.now() - client.offset)) < 1000);
  const [registration] = relay.received;
  assert.equal(registration.subject, 'register');
  assert.deepEqual(registration.content, client.peer.value());
  assert.equal(client.credential, CREDENTIAL);
});

test('sends before the connection stands, in order, and each has its receipt', async () => {
  const client = made();
  const outbox = heard(client, 'outbox');
  const receipts = heard(client, 'receipt');
  const sent = ['one', 'two', 'three'].map((subject) => client.send('self', subject, { subject }));
  assert.equal(client.outbox, 3);
  await client.connect();
  const [first] = await Promise.all(sent);
  assert.deepEqual(first.recipients, [{ to: CREDENTIAL, status: 'sent' }]);
  assert.equal(await first.settled, first);
  assert.match(first.id, /^[0-9a-f]{32}$/);
  assert.ok(Math.abs(first.timestamp - Date.now()) < 10_000);
  assert.equal(receipts.length, 3);
  await until('all three came', () => relay.received.length === 4);
  assert.deepEqual(relay.received.slice(1).map(({ subject }) => subject), ['one', 'two', 'three']);
  assert.deepEqual(outbox.at(-1), 0);
  const named = await client.send([CREDENTIAL, '0'.repeat(32)], 'four', null, { id: 'mine' });
  assert.deepEqual([named.id, named.recipients.length, named.encrypted], ['mine', 2, false]);
});

test('content crosses as it is', async () => {
  const client = made();
  await client.connect();
  const contents = [null, 1.5, 1e21, -0, 'text', '\ud800 alone', { 2: 'b', 1: 'a', __proto__x: [] }, [[]], true, { toJSON: () => 'spelled' }];
  const messages = client.messages();
  for (const content of contents) await client.send('self', 'sub\ud800ject', content);
  for (const content of contents) {
    const { value } = await messages.next();
    assert.deepEqual(value.content, JSON.parse(JSON.stringify(content)));
    assert.equal(value.subject, 'sub\ud800ject');
    assert.equal(value.from, CREDENTIAL);
    assert.deepEqual(value.to, [CREDENTIAL]);
  }
});

test('what cannot be sent is refused at once', async () => {
  const client = made();
  const cyclic = {};
  cyclic.self = cyclic;
  const deep = JSON.parse('['.repeat(200) + ']'.repeat(200));
  for (const content of [undefined, () => {}, 5n, cyclic]) {
    await assert.rejects(client.send('self', 'x', content), { name: 'MsrError', code: 451, retry: false });
  }
  await assert.rejects(client.send(5, 'x', 1), { code: 451 });
  await assert.rejects(client.send('self', 5, 1), { code: 451 });
  await assert.rejects(client.send('self', 'x', deep), { code: 409 });
  await assert.rejects(client.send('self', 'x', 'x'.repeat(2 ** 24)), { code: 413 });
  await assert.rejects(client.send('self', 'x', 1, { realtime: true }), { code: 552, retry: true });
  await assert.rejects(client.find(5), { code: 451 });
  for (const options of [null, 'x', 5]) {
    await assert.rejects(client.send('self', 'x', 1, options), { name: 'MsrError', code: 451 });
    await assert.rejects(client.request('self', 'x', 1, options), { code: 451 });
    await assert.rejects(client.find('x', options), { code: 451 });
    assert.throws(() => client.messages(options), { code: 451 });
    assert.throws(() => new Client(options), { name: 'MsrError', code: 451 });
  }
  assert.throws(() => (client.secret = null), { code: 451 });
  assert.throws(() => (client.secret = undefined), { code: 451 });
  assert.throws(() => (client.secret = '\udc00'), { code: 451 });
  assert.throws(() => (client.identity = 'other'), { code: 451 });
  await assert.rejects(client.send('self', 'x', 1, { encrypt: 'maybe' }), { code: 451 });
  await assert.rejects(client.send('self', 'x', 1, { expireAfter: '5000' }), { code: 451 });
  await assert.rejects(client.send('self', 'x', 1, { id: 42 }), { code: 451 });
  for (const timeout of ['5000', null]) await assert.rejects(client.request('self', 'x', 1, { timeout }), { code: 451 });
  assert.equal(client.outbox, 0);
});

test('what version 1 cannot carry is refused when it is known that the server speaks no other', async () => {
  const client = made();
  const waiting = [client.send('self', 'x', new Uint8Array(2)), client.send('self', 'x', 'x'.repeat(2 ** 21)), client.request('self', 'x', 1)];
  const refused = Promise.allSettled(waiting);
  await client.connect();
  assert.deepEqual((await refused).map(({ reason }) => reason.code), [451, 413, 451]);
  await assert.rejects(client.send('self', 'x', new ArrayBuffer(2)), { code: 451 });
  await assert.rejects(client.request('self', 'x', 1), { code: 451 });
  assert.deepEqual([client.outbox, client.devices], [0, []]);
});

test('a message is taken back, and expires', async () => {
  const client = made();
  const stop = new AbortController();
  const receipts = heard(client, 'receipt');
  const sending = client.send('self', 'x', 1, { signal: stop.signal });
  stop.abort(new Error('changed my mind'));
  await assert.rejects(sending, { name: 'AbortError', code: 452, retry: false });
  await assert.rejects(client.send('self', 'x', 1, { signal: stop.signal }), { code: 452 });
  await assert.rejects(client.send('self', 'x', 1, { expireAfter: 1 }), { code: 551, retry: true });
  assert.deepEqual(receipts.map(({ recipients: [{ status, code }] }) => [status, code]), [['error', 452], ['error', 551]]);
  assert.equal(client.outbox, 0);
});

test('finds peers, and is told when there are none', async () => {
  const client = made({ publish: true, location: { city: 'Taipei', country: 'TW', addr: 'unknown' } });
  await client.connect();
  const [found, ...others] = await client.find('Quark');
  assert.deepEqual(others, []);
  assert.deepEqual([found.credential, found.name, found.location.city, 'secret' in found], [CREDENTIAL, PEER.name, 'Taipei', false]);
  assert.deepEqual(await client.find('nobody'), []);
});

test('comes back when the connection is lost, and connect() waits for that', async () => {
  const client = made();
  const closed = heard(client, 'close');
  let told;
  client.onclose = (how) => (told = how);
  await client.connect();
  relay.drop(1012);
  await until('the loss is told', () => closed.length);
  assert.equal(closed[0].code, 1012);
  assert.ok(closed[0].retryIn >= 0);
  assert.deepEqual(told, closed[0]);
  await client.connect();
  assert.equal(client.state, STATE.REGISTERED);
  assert.equal(relay.received.filter(({ subject }) => subject === 'register').length, 2);
});

test('does not come back when told not to, after close() and after bye()', async () => {
  for (const end of [(client) => client.close(), (client) => client.bye()]) {
    const client = made();
    const closed = heard(client, 'close');
    await client.connect();
    end(client);
    assert.equal(client.state, STATE.CLOSED);
    await until('the end is told', () => closed.length);
    assert.deepEqual(closed, [{ code: 1000, reason: '', retryIn: null }]);
    await client.connect();
    client.close();
  }
  assert.equal(relay.received.filter(({ subject }) => subject === 'bye').length, 1);
  const client = made({ autoreconnect: false });
  const closed = heard(client, 'close');
  await client.connect();
  relay.drop(1012);
  await until('the loss is told', () => closed.length);
  assert.deepEqual([closed[0].code, closed[0].retryIn, client.state], [1012, null, STATE.CLOSED]);
});

test('connect() rejects when it is closed first, or refused for good', async () => {
  relay.silent = true;
  const client = made();
  const connecting = client.connect();
  client.close();
  await assert.rejects(connecting, { code: 453 });
  await assert.rejects(made({ server: 'http://127.0.0.1' }).connect(), { code: 451 });
  const refused = made();
  const errors = heard(refused, 'error');
  const refusal = refused.connect();
  await until('it registers', () => relay.received.length);
  relay.drop(4401);
  await assert.rejects(refusal, { name: 'MsrError', code: 401, retry: false });
  assert.equal(errors[0].code, 401);
  assert.equal(refused.state, STATE.CLOSED);
});

test('a handler that throws is reported, and harms nobody', async (context) => {
  const printed = context.mock.method(console, 'error', () => {});
  const client = made();
  const errors = heard(client, 'error');
  const seen = [];
  client.onmessage = () => { throw new Error('in onmessage'); };
  client.addEventListener('message', async () => { throw new Error('in a listener'); });
  client.addEventListener('message', { handleEvent: () => { throw new Error('in an object'); } });
  client.addEventListener('message', ({ detail }) => seen.push(detail.content));
  client.addEventListener('error', () => { throw new Error('in error'); });
  await client.connect();
  await client.send('self', 'x', 1);
  await client.send('self', 'x', 2);
  await until('both came', () => seen.length === 2 && errors.length === 6);
  assert.deepEqual(seen, [1, 2]);
  assert.deepEqual([...new Set(errors.map(({ code }) => code))], [454]);
  assert.deepEqual(new Set(errors.map(({ cause }) => cause.message)), new Set(['in onmessage', 'in a listener', 'in an object']));
  assert.equal(printed.mock.callCount(), 12);
  assert.equal(client.state, STATE.REGISTERED);
});

test('handlers may use the client', async () => {
  const client = made();
  const seen = [];
  client.onmessage = ({ subject, content }) => {
    seen.push(content);
    if (content < 3) void client.send('self', subject, content + 1);
    else client.close();
  };
  await client.connect();
  await client.send('self', 'count', 0);
  await until('it closed itself', () => client.state === STATE.CLOSED);
  assert.deepEqual(seen, [0, 1, 2, 3]);
});

test('listeners are added once and removed, as in the DOM', async () => {
  const client = made();
  let count = 0;
  const listener = () => count++;
  client.addEventListener('message', listener);
  client.addEventListener('message', listener);
  await client.connect();
  const messages = client.messages();
  await client.send('self', 'x', 1);
  await messages.next();
  client.removeEventListener('message', listener);
  await client.send('self', 'x', 2);
  await messages.next();
  assert.equal(count, 1);
});

test('messages() filters, and ends with break, the signal and close()', async () => {
  const client = made();
  await client.connect();
  const stop = new AbortController();
  const byBreak = client.messages({ subject: 'b', from: CREDENTIAL });
  const bySignal = client.messages({ signal: stop.signal });
  const byClose = client.messages({ from: 'nobody' });
  await client.send('self', 'a', 1);
  await client.send('self', 'b', 2);
  for await (const { content } of byBreak) {
    assert.equal(content, 2);
    break;
  }
  assert.deepEqual(await byBreak.next(), { value: undefined, done: true });
  const seen = [];
  for await (const { content } of bySignal) {
    seen.push(content);
    if (seen.length === 2) stop.abort();
  }
  assert.deepEqual(seen, [1, 2]);
  const waiting = byClose.next();
  client.close();
  assert.deepEqual(await waiting, { value: undefined, done: true });
});

test('a loop that leaves too many waiting ends with an error', async () => {
  const client = made();
  await client.connect();
  const messages = client.messages();
  const last = client.messages({ subject: 'last' });
  for (let number = 0; number <= 10_000; number++) relay.say(text('many', number));
  relay.say(text('last', 0));
  await last.next();
  for (let number = 0; number <= 10_000; number++) assert.equal((await messages.next()).value.content, number);
  await assert.rejects(messages.next(), { code: 505, retry: true });
  assert.deepEqual(await messages.next(), { value: undefined, done: true });
});

test('frames are told on demand', async () => {
  const client = made();
  const frames = heard(client, 'frame');
  await client.connect();
  assert.deepEqual(frames, []);
  client.trace = true;
  const messages = client.messages();
  await client.send('self', 'x', 1);
  await messages.next();
  client.trace = false;
  await client.send('self', 'x', 2);
  await messages.next();
  assert.deepEqual(frames.map(({ direction, text }) => [direction, JSON.parse(text).content]), [['out', 1], ['in', 1]]);
  assert.ok(frames.every(({ time }) => Math.abs(time - Date.now()) < 10_000));
});

test('what is no message is reported and dropped', async () => {
  const client = made();
  const errors = heard(client, 'error');
  const messages = client.messages();
  await client.connect();
  for (const nonsense of ['', '{', '[]', 'null', '{}', Buffer.from([1, 2, 3]), text('x', 1).replace('"x"', '"y"')]) relay.say(nonsense);
  relay.say(text('x', 2));
  assert.equal((await messages.next()).value.content, 2);
  assert.deepEqual(errors.map(({ code }) => code), [400, 400, 400, 400, 400, 400, 407]);
});

test('a changed peer is another one at the next connection', async () => {
  const client = made();
  await client.connect();
  client.name = 'Somebody';
  assert.notEqual(client.credential, CREDENTIAL);
  client.close();
  await client.connect();
  assert.deepEqual(relay.received.map(({ content }) => content.name), ['Quark Li', 'Somebody']);
  const { peer } = client;
  peer.name = 'Else';
  assert.equal(client.name, 'Somebody');
});

function text(subject, content) {
  return spell({ to: [CREDENTIAL], from: CREDENTIAL, subject, timestamp: Date.now(), content });
}
