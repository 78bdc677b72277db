/** The server is killed while people talk. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { bubble, openConversation, openWith, reconnected, say, signIn, status } from './harness/app.mjs';
import { launch, newPage } from './harness/browser.mjs';
import { openGate } from './harness/gate.mjs';
import { Server } from './harness/server.mjs';

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

test('what is written while the server is down waits, and arrives when it is back', async () => {
  const server = await Server.start();
  try {
    const [ada, bo] = await Promise.all([newPage(browser), newPage(browser)]);
    await Promise.all([signIn(ada, server, { name: 'Ada' }), signIn(bo, server, { name: 'Bo' })]);
    await openWith(ada, 'Bo');
    await say(ada, 'before');
    await openConversation(bo, 'Ada');
    await bubble(bo, 'before').waitFor();

    await server.kill();
    for (const page of [ada, bo]) await page.locator('#banner', { hasText: 'Connection lost. Trying again…' }).waitFor();
    await say(ada, 'while you were away');
    await status(ada, 'while you were away', 'waiting');
    await bubble(ada, 'while you were away').getByText('Waiting').waitFor();
    await ada.locator('#connection-outbox', { hasText: '1 message' }).waitFor();
    await ada.locator('#banner', { hasText: 'One message waits.' }).waitFor();

    await server.restart();
    await Promise.all([reconnected(ada), reconnected(bo)]);
    await status(ada, 'while you were away', 'delivered');
    await say(ada, 'are you back?');
    await bubble(bo, 'are you back?').waitFor();
    await ada.locator('#banner').waitFor({ state: 'hidden' });
    await ada.locator('#connection-outbox', { hasText: '0 messages' }).waitFor();
    assert.deepEqual([...ada.troubles, ...bo.troubles].filter((trouble) => !/WebSocket|ERR_CONNECTION|Failed to load/u.test(trouble)), []);
  } finally {
    await server.stop();
  }
});

test('a note to self written while the server is down comes back through it', async () => {
  const server = await Server.start();
  try {
    const page = await newPage(browser);
    await signIn(page, server, { name: 'Chiara' });
    await page.getByRole('button', { name: 'Note to self' }).first().click();
    await page.locator('#inspect').click();
    await server.kill();
    await page.locator('#banner', { hasText: 'Connection lost' }).waitFor();
    await say(page, 'remember this');
    await status(page, 'remember this', 'waiting');
    await server.restart();
    await reconnected(page);
    await status(page, 'remember this', 'delivered');
    await page.locator('#frames li', { has: page.locator('.direction.in') }).filter({ has: page.locator('.frame-subject', { hasText: /^Deliver$/u }) }).first().waitFor();
  } finally {
    await server.stop();
  }
});

test('what waits is delivered to whoever was back first', async () => {
  const server = await Server.start();
  const gate = openGate(server);
  try {
    const [ada, bo] = await Promise.all([newPage(browser), newPage(browser)]);
    await Promise.all([signIn(ada, server, { name: 'Ada', via: gate.webSocketUrl }), signIn(bo, server, { name: 'Bo' })]);
    await openWith(ada, 'Bo');
    gate.pull();
    await server.kill();
    for (const page of [ada, bo]) await page.locator('#banner', { hasText: 'Connection lost' }).waitFor();
    for (const text of ['first', 'second', 'third']) await say(ada, text);
    await status(ada, 'third', 'waiting');
    await ada.locator('#banner', { hasText: '3 messages wait.' }).waitFor();

    await server.restart();
    await reconnected(bo);
    gate.plug();
    await reconnected(ada);
    await openConversation(bo, 'Ada');
    await bubble(bo, 'third').waitFor();
    assert.deepEqual(await bo.locator('.entry .bubble').allTextContents(), ['first', 'second', 'third']);
    await status(ada, 'third', 'delivered');
  } finally {
    gate.close();
    await server.stop();
  }
});

test('what is unsent when the page is left is sent by itself after the reload', async () => {
  const server = await Server.start();
  const gate = openGate(server);
  try {
    const page = await newPage(browser);
    const asked = [];
    page.on('dialog', (dialog) => {
      asked.push(dialog.type());
      void dialog.accept();
    });
    await signIn(page, server, { name: 'Dmitri', keep: true, via: gate.webSocketUrl });
    await page.getByRole('button', { name: 'Note to self' }).first().click();
    gate.pull();
    await page.locator('#banner', { hasText: 'Connection lost' }).waitFor();
    await say(page, 'left behind');
    await status(page, 'left behind', 'waiting');
    await page.locator('#outbox-count', { hasText: 'One message waits. It is kept on this device' }).waitFor();

    await page.reload();
    assert.deepEqual(asked, [], 'nothing can be lost, so nothing is asked');
    await page.locator('#banner', { hasText: 'Connecting…' }).waitFor();
    await page.locator('#outbox-count', { hasText: 'One message waits.' }).waitFor();
    await openConversation(page, 'Note to self');
    await status(page, 'left behind', 'waiting');
    gate.plug();
    await reconnected(page);
    await status(page, 'left behind', 'delivered');
    assert.equal(await bubble(page, 'left behind').count(), 1);
    await page.locator('#outbox-count', { hasText: 'Nothing waits.' }).waitFor();
  } finally {
    gate.close();
    await server.stop();
  }
});

test('who leaves with something unsent that no disk has is asked', async () => {
  const server = await Server.start();
  const gate = openGate(server);
  try {
    const page = await newPage(browser);
    await page.addInitScript(() => {
      IDBFactory.prototype.open = () => {
        throw new Error('not allowed here');
      };
    });
    const asked = [];
    page.on('dialog', (dialog) => {
      asked.push(dialog.type());
      void dialog.accept();
    });
    await signIn(page, server, { name: 'Esi', keep: true, via: gate.webSocketUrl });
    await page.getByRole('button', { name: 'Note to self' }).first().click();
    gate.pull();
    await page.locator('#banner', { hasText: 'Connection lost' }).waitFor();
    await say(page, 'in memory alone');
    await page.locator('#outbox-count', { hasText: 'closing the page loses it' }).waitFor();
    await page.reload();
    assert.deepEqual(asked, ['beforeunload']);
  } finally {
    gate.close();
    await server.stop();
  }
});
