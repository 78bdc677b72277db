/** The packed package in pages, of this server and of another. */

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { launch, newPage } from './harness/browser.mjs';
import { packedPackage } from './harness/package.mjs';
import { Server } from './harness/server.mjs';
import { serveFolder } from './harness/static.mjs';

let browser, folder, elsewhere;

before(async () => {
  [browser, folder] = await Promise.all([launch(), packedPackage()]);
  elsewhere = await serveFolder(folder);
});
after(async () => {
  await browser?.close();
  elsewhere?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Connects from a page of another origin. @param {Server} server */
async function connectFromElsewhere(server) {
  const page = await newPage(browser);
  await page.goto(elsewhere.origin);
  const outcome = await page.evaluate(async (server) => {
    const { Client } = await import('/package/index.js');
    const client = new Client({ server, name: 'Guest', email: 'guest@example.org', secret: 'from elsewhere' });
    try {
      await client.connect();
      const answered = new Promise((resolve) => (client.onmessage = resolve));
      const receipt = await client.send('self', 'echo', { over: 'there' });
      const { content } = await answered;
      const { recipients } = await receipt.settled;
      client.bye();
      return { status: recipients[0].status, content };
    } catch (error) {
      return { code: error.code, retry: error.retry, state: client.state };
    }
  }, server.webSocketUrl);
  return { outcome, troubles: page.troubles };
}

test('a page of an origin that is not listed is refused for good', async () => {
  const server = await Server.start();
  try {
    const { outcome } = await connectFromElsewhere(server);
    assert.deepEqual(outcome, { code: 410, retry: false, state: 0 });
  } finally {
    await server.stop();
  }
});

test('a page of a listed origin connects and talks', async () => {
  const server = await Server.start({ SRC: elsewhere.origin });
  try {
    const { outcome, troubles } = await connectFromElsewhere(server);
    assert.deepEqual(outcome, { status: 'delivered', content: { over: 'there' } });
    assert.deepEqual(troubles, []);
  } finally {
    await server.stop();
  }
});

test('new WebSocket(url, null), as the original calls it, connects', async () => {
  const server = await Server.start();
  try {
    const page = await newPage(browser);
    await page.goto(server.url);
    const protocol = await page.evaluate((url) => new Promise((resolve, reject) => {
      const socket = new WebSocket(url, null);
      socket.onopen = () => {
        resolve(socket.protocol);
        socket.close();
      };
      socket.onerror = () => reject(new Error('refused'));
    }), server.webSocketUrl);
    assert.equal(protocol, 'null');
    assert.deepEqual(page.troubles, []);
  } finally {
    await server.stop();
  }
});

test('the example of the original, as a module', async () => {
  const server = await Server.start();
  try {
    const page = await newPage(browser);
    await page.goto(server.url);
    const seen = await page.evaluate(async (url) => {
      const { client, init, Peer, Message, STATE } = await import('/pkg/index.js');
      await init();
      client.server = url;
      client.name = 'Quark Li';
      client.email = 'qli@example.org';
      client.secret = 'password';
      const arrived = new Promise((resolve) => (client.onmessage = (msg) => resolve(msg)));
      const connected = client.connect();
      await connected;
      const { state, offset } = client;
      client.send(client.credential, 'test', { mydata: 'something' });
      const { subject, content, from } = await arrived;
      const self = from === client.credential;
      client.bye();
      return { peer: new Peer().value(), message: Object.keys(new Message().value()), state, registered: STATE.REGISTERED, finite: Number.isFinite(offset), subject, content, self };
    }, server.webSocketUrl);
    assert.deepEqual(seen, {
      peer: {
        credential: '3ccb7d82bb030d0c902bfac1b6d4eb96',
        name: '',
        email: '',
        secret: 'd41d8cd98f00b204e9800998ecf8427e',
        location: { city: 'unknown', country: 'unknown', addr: 'unknown' },
        publish: false,
      },
      message: ['checksum', 'to', 'from', 'subject', 'timestamp', 'content'],
      state: 2,
      registered: 2,
      finite: true,
      subject: 'test',
      content: { mydata: 'something' },
      self: true,
    });
    assert.deepEqual(page.troubles, []);
  } finally {
    await server.stop();
  }
});
