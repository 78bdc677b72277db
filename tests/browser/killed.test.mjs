/** Browsers, pages and the server end in the middle of things, and nothing is lost. */

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { TIMEOUT_MS } from './harness/browser.mjs';
import { History } from './harness/history.mjs';
import { packedPackage } from './harness/package.mjs';
import { Profile } from './harness/profile.mjs';
import { Server } from './harness/server.mjs';
import { serveFolder } from './harness/static.mjs';
import { until } from './harness/until.mjs';

/** How many messages pass between two ends. */
const BETWEEN = 40;
const LARGE_EVERY = 15;

let folder, site, server;

before(async () => {
  folder = await packedPackage();
  site = await serveFolder(folder);
  server = await Server.start({ SRC: site.origin });
});
after(async () => {
  site?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A page in a browser of its own, with a client that tells the history what happens to it. */
class Peer {
  #history;
  #name;
  #script;
  #options;
  profile;
  page;

  static async make(history, name, script, options) {
    const peer = new Peer();
    [peer.#history, peer.#name, peer.#script, peer.#options] = [history, name, script, options];
    peer.profile = await Profile.make();
    await peer.open();
    return peer;
  }

  /** Opens the page in the browser that was started. */
  async open() {
    this.page = await this.profile.context.newPage();
    this.page.setDefaultTimeout(TIMEOUT_MS);
    const { page } = this;
    // What a page tells that has ended meanwhile belongs to nobody's history.
    await page.exposeFunction('tell', (what, number) => page === this.page && this.#history.tell(what, number));
    await this.load();
  }

  async load() {
    await this.page.goto(site.origin);
    const settings = { server: server.webSocketUrl, name: this.#name, email: 'killed@example.org', secret: this.#name };
    await this.page.evaluate(this.#script, { settings, ...this.#options });
  }

  async kill() {
    await this.profile.kill();
    this.page = undefined;
  }
}

/** Runs in the page of the sender: sends numbers, one after the other, for as long as it is told to. */
async function sends({ settings, to, largeEvery }) {
  const { Client } = await import('/package/index.js');
  const client = new Client(settings);
  client.onmessage = null;
  client.addEventListener('gap', () => tell('gap', 0));
  client.addEventListener('receipt', ({ detail: { id, recipients } }) => {
    // Of a message that an earlier run had accepted, only the name on the wire is told.
    if (/^\d{1,6}$/u.test(id) && recipients.some(({ status }) => status === 'queued' || status === 'delivered')) tell('accepted', Number(id));
  });
  client.connect().catch(() => {});
  let before = Promise.resolve();
  const sendAll = async (first, count) => {
    for (let number = first; number < first + count; number++) {
      await tell('sent', number);
      const content = { number, filling: number % largeEvery === 0 ? 'x'.repeat(100_000) : '' };
      client.send(to, 'number', content, { id: String(number) }).catch(() => {});
    }
  };
  const sendFrom = (first, count) => (before = before.then(() => sendAll(first, count)));
  Object.assign(globalThis, { client, sendFrom });
}

/** Runs in the page of the receiver: a message is handled when the history knows of it. */
async function receives({ settings }) {
  const [{ Client }, { framesOf }] = await Promise.all([import('/package/index.js'), import('/wire.js')]);
  const client = new Client(settings);
  const sequences = new Map();
  client.trace = true;
  client.addEventListener('gap', () => tell('gap', 0));
  // An acknowledgement goes out when what it covers is noted on disk.
  client.addEventListener('frame', ({ detail: { bytes } }) => {
    for (const { name, fields } of framesOf(bytes ?? new Uint8Array())) {
      if (name === 'Deliver' && fields.content) sequences.set(fields.content.number, fields.sequence);
      if (name !== 'Ack') continue;
      for (const [number, sequence] of sequences) {
        if (sequence > fields.sequence) continue;
        sequences.delete(number);
        tell('settled', number);
      }
    }
  });
  client.onmessage = async (message) => {
    message.defer();
    await tell('called', message.content.number);
    message.ack();
  };
  client.connect().catch(() => {});
  Object.assign(globalThis, { client });
}

test('killed and reloaded while sending and while receiving, with a server that is killed too', { timeout: 300_000 }, async (t) => {
  const history = new History();
  const bob = await Peer.make(history, 'Bob', receives);
  const to = await bob.page.evaluate(() => client.connect().then(() => client.credential));
  const ann = await Peer.make(history, 'Ann', sends, { to, largeEvery: LARGE_EVERY });
  let next = 0;
  /** Starts to send, and waits until some of it was handled. */
  const halfWay = async () => {
    const before = history.handled;
    void ann.page.evaluate(([first, count]) => sendFrom(first, count), [next, BETWEEN]).catch(() => {});
    next += BETWEEN;
    await until('messages to pass', () => history.handled > before + BETWEEN / 4);
  };
  const ends = {
    async 'the receiver’s browser is killed'() {
      await bob.kill();
      history.end();
      await bob.profile.start();
      await bob.open();
    },
    async 'the sender’s browser is killed'() {
      await ann.kill();
      await ann.profile.start();
      await ann.open();
    },
    async 'the server is killed'() {
      await server.kill();
      await server.restart();
    },
    async 'the receiver reloads'() {
      const page = bob.page;
      await page.goto('about:blank');
      history.end();
      await bob.load();
    },
    async 'the sender reloads'() {
      await ann.page.goto('about:blank');
      await ann.load();
    },
    async 'all of them at once'() {
      await Promise.all([bob.kill(), ann.kill(), server.kill()]);
      history.end();
      await server.restart();
      await Promise.all([bob.profile.start(), ann.profile.start()]);
      await Promise.all([bob.open(), ann.open()]);
    },
  };
  try {
    for (const end of [...Object.values(ends), ...Object.values(ends).reverse()]) {
      await halfWay();
      await end();
    }
    await halfWay();
    // What was kept when a page ended is sent by the next one; what was not even kept was never accepted.
    await until('all to be sent', () => ann.page.evaluate(() => client.state === 2 && client.outbox === 0));
    await until('all to be handled', () => history.isComplete);
    assert.deepEqual(history.check(), []);
    t.diagnostic(`${next} begun, ${history.accepted.size} accepted, ${history.handled} handled, ${history.repeated} again after one of ${history.ends} ends of the receiver`);
  } finally {
    await Promise.all([ann.profile.stop(), bob.profile.stop()]);
  }
});
