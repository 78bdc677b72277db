// Peers and messages against the vectors, through the packed package.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { install, requireIn } from './support/install.mjs';

const vectors = JSON.parse(readFileSync(join(import.meta.dirname, '../../protocol/tests/v1.json'), 'utf8'));
const { Hub, Message, Peer, validateCredential, validateMessage } = requireIn(install({ ws: false }), 'msgsrouter/base');

test('every peer of the vectors', () => {
  for (const { name, email, plain, secret, credential } of vectors.peers) {
    const peer = new Peer();
    Object.assign(peer, { name, email, secret: plain });
    assert.equal(peer.secret, secret);
    assert.equal(peer.credential, credential);
    assert.ok(validateCredential(peer) && validateCredential(peer.value()) && validateCredential(JSON.parse(String(peer))));
    assert.equal(new Peer(peer.value()).credential, credential);
    assert.ok(!validateCredential({ ...peer.value(), name: `${name}.` }));
  }
});

test('every message of the vectors', () => {
  for (const { fields, hashed, checksum } of vectors.messages) {
    const message = new Message(JSON.parse(fields));
    assert.equal(message.checksum, checksum);
    assert.equal(String(message), `{"checksum":"${checksum}",${hashed.slice(1)}`);
    assert.ok(validateMessage(message) && validateMessage(message.value()));
    assert.ok(!validateMessage({ ...message.value(), timestamp: message.timestamp + 1 }));
  }
});

test('other spellings, and dialect B', () => {
  for (const { text, checksum } of vectors.spellings) assert.ok(validateMessage({ checksum, ...JSON.parse(text) }), text);
  for (const { hashed, credential } of vectors.peersB) assert.ok(validateCredential({ credential, ...JSON.parse(hashed) }), hashed);
  for (const { hashed, checksum } of vectors.messagesB) {
    const message = JSON.parse(hashed);
    assert.ok(validateMessage({ checksum, ...message }), hashed);
    const { sessid, ...withoutSession } = message;
    assert.ok(!validateMessage({ checksum, ...withoutSession }));
  }
});

test('what is malformed is not valid, and throws nothing', () => {
  const cyclic = {};
  cyclic.content = cyclic;
  const trap = new Proxy({}, { get() { throw new Error('looked at'); } });
  for (const value of [undefined, null, 0, 'text', [], {}, trap, { credential: 1 }, { checksum: null }, () => {}]) {
    assert.equal(validateCredential(value), false);
    assert.equal(validateMessage(value), false);
  }
  const message = new Message();
  for (const change of [{ content: undefined }, { content: 1n }, cyclic, { to: [1] }, { to: null }, { timestamp: '1' }, { from: undefined }]) {
    assert.equal(validateMessage({ ...message.value(), ...change }), false);
  }
  const empty = { credential: '', name: '', contact: '', secret: '' };
  assert.equal(validateCredential(empty), false);
});

test('fields are checked, shown, and followed by the hash', () => {
  const invalid = { name: 'MsrError', code: 451, retry: false };
  const peer = new Peer();
  for (const [field, value] of [['name', null], ['email', 5], ['secret', null], ['secret', undefined], ['secret', '\ud800'], ['location', 'here'], ['location', null]]) {
    assert.throws(() => (peer[field] = value), invalid, field);
  }
  assert.throws(() => (peer.credential = ''), TypeError);
  assert.throws(() => new Peer({ secret: 'plain' }), invalid);

  const message = new Message();
  for (const [field, value] of [['to', 5], ['to', [5]], ['from', null], ['subject', 5], ['timestamp', NaN], ['timestamp', '5']]) {
    assert.throws(() => (message[field] = value), invalid, field);
  }
  for (const content of [undefined, () => {}, Symbol('x'), 5n, new Uint8Array(1), new ArrayBuffer(1)]) {
    assert.throws(() => (message.content = content), invalid, String(content));
  }
  message.to = peer.credential;
  assert.deepEqual(message.to, [peer.credential]);
  message.content = { list: [] };
  const before = message.checksum;
  message.content.list.push(1);
  assert.notEqual(message.checksum, before, 'content changed in place changes the checksum');
  assert.ok(validateMessage(message));

  const names = [];
  for (const name in peer) names.push(name);
  assert.deepEqual(names, ['credential', 'name', 'email', 'secret', 'location', 'publish']);
  assert.deepEqual(Object.keys(peer.value()), names);
  assert.equal(String(new Hub()), '{"id":"","name":"","topic":"","secret":null,"public":false}');
});
