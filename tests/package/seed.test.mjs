// The example of the seed document, as it stands but for its blanks.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, test } from 'node:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { install } from './support/install.mjs';
import { startRelay } from './support/relay.mjs';
import { until } from './support/until.mjs';

const relay = await startRelay();
after(() => relay.stop());

const EXAMPLE = `
var client = require('msgsrouter/client');
// configure client
client.server = '${relay.url}'; client.name = 'Quark Li'; client.email = 'qli@example.org';
client.secret = 'password';
// You may skip this if you simply want to show message in the console which has been implemented by default
// Replay onmessage function with your own to add your own application logics
client.onmessaage = function(msg) { console.log(msg); }
// connect to the MSR server
client.connect();
// check the connection state, client.STATE = {CLOSED: 0, OPENED: 1, REGISTERED: 2}
client.state;
// check the time offset if client received registration response from server
client.offset;
// send a message to self, prototype: send([to], subject, content)
client.send(client.credential, 'test', {mydata: 'something'});
`;

const OBJECTS = `
var Peer = require('msgsrouter/base').Peer;
var peer = new Peer();
console.log(peer);
var Message = require('msgsrouter/base').Message;
var message = new Message();
message.timestamp = 1459091247561;
console.log(message);
var Base = require('msgsrouter/base');
console.log(Base.validateCredential(peer), Base.validateMessage(message));
`;

function run(folder, name, text) {
  writeFileSync(join(folder, name), text);
  const child = spawn(process.execPath, [name], { cwd: folder });
  const said = { text: '', child, ended: new Promise((resolve) => child.once('close', resolve)) };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (said.text += data));
  return said;
}

test('the client example prints the message it sends to itself', async () => {
  const said = run(install(), 'example.cjs', EXAMPLE);
  await until('the message is printed', () => said.text.includes('something') && said.text.includes('}\n'));
  said.child.kill();
  await said.ended;
  assert.match(said.text, /from: '2a51da84f681ebcaa4818b5f3c1e5791'/);
  assert.match(said.text, /subject: 'test'/);
  assert.match(said.text, /content: \{ mydata: 'something' \}/);
});

test('the objects print what the document prints', async () => {
  const said = run(install({ ws: false }), 'objects.cjs', OBJECTS);
  assert.equal(await said.ended, 0, said.text);
  assert.equal(
    said.text,
    `{
  credential: '3ccb7d82bb030d0c902bfac1b6d4eb96',
  name: '',
  email: '',
  secret: 'd41d8cd98f00b204e9800998ecf8427e',
  location: { city: 'unknown', country: 'unknown', addr: 'unknown' },
  publish: false
}
{
  checksum: 'beb5e001c6fc99a03467a1b1095c4f28',
  to: [],
  from: '',
  subject: '',
  timestamp: 1459091247561,
  content: {}
}
true true
`,
  );
});
