/** What the page shows of messages on their way, while it changes. */

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { bubble, connected, credentialOf, openConversation, openWith, reconnected, say, signIn, startWith, status } from './harness/app.mjs';
import { openPage } from './harness/browser.mjs';
import { openGate } from './harness/gate.mjs';
import { setUp } from './harness/setup.mjs';

const stage = setUp();
const FILE_BYTES = 14 * 1024 * 1024;

const meta = (page, text) => bubble(page, text).locator('.meta');
const file = (name, bytes = FILE_BYTES, fill = 7) => ({ name, mimeType: 'application/octet-stream', buffer: Buffer.alloc(bytes, fill) });

/** Leaves the page, as somebody who closes the window. */
const leave = (page) => page.close();

/** Comes back on the same device: what was encrypted for it nobody else reads. */
const comeBack = (page) => openPage(page.context());

test('a receipt changes while it is looked at: on the server, delivered, expired, refused', async () => {
  const [ada, bo] = await Promise.all([stage.page(), stage.page()]);
  await Promise.all([signIn(ada, stage.server, { name: 'Ada Receipt' }), signIn(bo, stage.server, { name: 'Bo Receipt' })]);
  await openWith(ada, 'Bo Receipt');
  await leave(bo);
  await say(ada, 'for later');
  await status(ada, 'for later', 'queued');
  await meta(ada, 'for later').getByText('On the server').waitFor();

  await ada.locator('#keep-for').selectOption({ label: '5 seconds' });
  await say(ada, 'for now');
  await status(ada, 'for now', 'expired');
  await meta(ada, 'for now').getByText('Nobody came for it within its time. (416)').waitFor();
  await ada.locator('#keep-for').selectOption({ label: '7 days' });

  const back = await comeBack(bo);
  await signIn(back, stage.server, { name: 'Bo Receipt' });
  await status(ada, 'for later', 'delivered');
  await meta(ada, 'for later').getByText('Delivered').waitFor();
  await openConversation(back, 'Ada Receipt');
  await bubble(back, 'for later').waitFor();
  assert.equal(await bubble(back, 'for now').count(), 0);

  await ada.getByRole('button', { name: 'New conversation' }).first().click();
  await ada.getByLabel('Or by credential').fill('0'.repeat(32));
  await ada.locator('#start-go').click();
  await say(ada, 'to nobody');
  await status(ada, 'to nobody', 'failed');
  await meta(ada, 'to nobody').getByText('Nobody with that credential has ever signed in here. (415)').waitFor();
  assert.deepEqual([...ada.troubles, ...back.troubles], []);
});

test('of several receivers each has a line of its own', async () => {
  const [ada, bo, chiara] = await Promise.all([stage.page(), stage.page(), stage.page()]);
  await Promise.all([signIn(ada, stage.server, { name: 'Ada Group' }), signIn(bo, stage.server, { name: 'Bo Group' }), signIn(chiara, stage.server, { name: 'Chiara Group' })]);
  await startWith(ada, ['Bo Group', 'Chiara Group']);
  await leave(chiara);
  await say(ada, 'to both');
  await meta(ada, 'to both').getByText('Delivered to 1 of 2').click();
  const line = (name) => meta(ada, 'to both').locator('dl div', { hasText: name }).locator('dd');
  assert.equal(await line('Bo Group').textContent(), 'delivered');
  assert.equal(await line('Chiara Group').textContent(), 'on the server');
  await signIn(await comeBack(chiara), stage.server, { name: 'Chiara Group' });
  await meta(ada, 'to both').getByText('Delivered to all').waitFor();
  assert.equal(await line('Chiara Group').textContent(), 'delivered');
  assert.deepEqual(ada.troubles, []);
});

test('receipts go on changing after a reload', async () => {
  const [ada, bo] = await Promise.all([stage.page(), stage.page()]);
  await Promise.all([signIn(ada, stage.server, { name: 'Ada Again', keep: true }), signIn(bo, stage.server, { name: 'Bo Again' })]);
  await openWith(ada, 'Bo Again');
  await leave(bo);
  await say(ada, 'still watched');
  await status(ada, 'still watched', 'queued');
  await ada.reload();
  await connected(ada);
  await openConversation(ada, 'Bo Again');
  await status(ada, 'still watched', 'queued');
  const back = await comeBack(bo);
  await signIn(back, stage.server, { name: 'Bo Again' });
  await status(ada, 'still watched', 'delivered');
  await openConversation(back, 'Ada Again');
  assert.equal(await bubble(back, 'still watched').count(), 1);
  assert.deepEqual(ada.troubles, []);
});

test('the devices show as they come and go, and can be retired', async () => {
  const [here, there] = await Promise.all([stage.page(), stage.page()]);
  const who = { name: 'Ada Devices' };
  await signIn(here, stage.server, who);
  const devices = here.locator('#device-list .device');
  await devices.filter({ hasText: 'this one' }).filter({ hasText: 'Online' }).waitFor();
  assert.equal(await devices.count(), 1);
  await signIn(there, stage.server, who);
  const other = devices.filter({ hasNotText: 'this one' });
  await other.filter({ hasText: 'Online' }).waitFor();
  assert.match((await other.textContent()) ?? '', /^Chromium on Linux/u);
  await leave(there);
  await other.filter({ hasText: /Last seen \d\d:\d\d/u }).waitFor();
  await here.getByRole('button', { name: 'Note to self' }).first().click();
  await say(here, 'while you are away');
  await status(here, 'while you are away', 'delivered');
  await other.getByRole('button', { name: /^Retire / }).click();
  await other.getByRole('button', { name: /^Keep / }).click();
  assert.equal(await devices.count(), 2);
  await other.getByRole('button', { name: /^Retire / }).click();
  await other.getByRole('button', { name: /^Yes, retire / }).click();
  await other.waitFor({ state: 'detached' });
  assert.deepEqual(here.troubles, []);
});

test('a large file has a bar on both sides, and arrives whole', async () => {
  const cable = openGate(stage.server, { chunkMs: 5 });
  const [ada, bo] = await Promise.all([stage.page(), stage.page()]);
  await Promise.all([signIn(ada, stage.server, { name: 'Ada Large' }), signIn(bo, stage.server, { name: 'Bo Large', via: cable.webSocketUrl })]);
  await openWith(ada, 'Bo Large');
  await say(ada, 'look at this');
  await openConversation(bo, 'Ada Large');
  // What passes too fast for a test that looks now and then.
  for (const page of [ada, bo]) {
    await page.evaluate(() => {
      globalThis.bars = [];
      new MutationObserver(() => {
        for (const bar of document.querySelectorAll('.passing')) bars.push([bar.textContent, bar.querySelector('progress').value]);
      }).observe(document.querySelector('#entries'), { subtree: true, childList: true, characterData: true, attributes: true });
    });
  }
  await ada.locator('#file').setInputFiles(file('<b>cellar</b>.bin'));
  await status(ada, 'cellar', 'delivered');
  const shown = async (page, words) => {
    const values = await page.evaluate((words) => bars.filter(([text]) => text.startsWith(words)).map(([, value]) => value), words);
    return { steps: new Set(values).size, rises: values.every((value, at) => at === 0 || value >= values[at - 1]) };
  };
  for (const [page, words] of [[ada, 'Sending'], [ada, 'Arriving'], [bo, 'Ada Large sends']]) {
    const { steps, rises } = await shown(page, words);
    assert.ok(steps > 3, `${words}: ${steps} steps`);
    assert.ok(rises, `${words} rises`);
  }
  assert.equal(await bo.locator('.arriving').count(), 0);

  const arrived = bubble(bo, '<b>cellar</b>.bin');
  const [download] = await Promise.all([bo.waitForEvent('download'), arrived.getByRole('button', { name: 'Save' }).click()]);
  const saved = await readFile(await download.path());
  assert.ok(saved.equals(Buffer.alloc(FILE_BYTES, 7)));
  assert.deepEqual([...ada.troubles, ...bo.troubles], []);
  cable.close();
});

test('the outbox lists what waits, and takes one back', async () => {
  const gate = openGate(stage.server);
  try {
    const [ada, bo] = await Promise.all([stage.page(), stage.page()]);
    await Promise.all([signIn(ada, stage.server, { name: 'Ada Waits', via: gate.webSocketUrl }), signIn(bo, stage.server, { name: 'Bo Waits' })]);
    await openWith(ada, 'Bo Waits');
    gate.pull();
    await ada.locator('#banner', { hasText: 'Connection lost' }).waitFor();
    for (const text of ['one', 'two', 'three']) await say(ada, text);
    await ada.locator('#outbox-count', { hasText: '3 messages wait.' }).waitFor();
    assert.deepEqual(await ada.locator('.outbox-what').allTextContents(), ['one', 'two', 'three']);
    await ada.locator('#outbox').getByRole('button', { name: 'Cancel “two” to Bo Waits' }).click();
    await ada.locator('#outbox-count', { hasText: '2 messages wait.' }).waitFor();
    await meta(ada, 'two').getByText('Taken back. (452)').waitFor();
    gate.plug();
    await reconnected(ada);
    await status(ada, 'three', 'delivered');
    await ada.locator('#outbox-count', { hasText: 'Nothing waits.' }).waitFor();
    await openConversation(bo, 'Ada Waits');
    assert.deepEqual(await bo.locator('.entry .bubble').allTextContents(), ['one', 'three']);
  } finally {
    gate.close();
  }
});

test('an outbox that is full says so, until there is room again', async () => {
  const gate = openGate(stage.server);
  // On disk, where the browser reads them itself: a file that is given to it by the test takes seconds.
  const folder = await mkdtemp(join(tmpdir(), 'msr-files-'));
  const choose = async (page, name) => {
    await writeFile(join(folder, name), file(name).buffer);
    await page.locator('#file').setInputFiles(join(folder, name));
  };
  try {
    const page = await stage.page();
    await signIn(page, stage.server, { name: 'Ada Full', via: gate.webSocketUrl });
    await page.getByRole('button', { name: 'Note to self' }).first().click();
    gate.pull();
    await page.locator('#banner', { hasText: 'Connection lost' }).waitFor();
    for (const name of ['first', 'second', 'third', 'fourth']) {
      await choose(page, name);
      await status(page, name, 'waiting');
      await bubble(page, name).getByRole('button', { name: 'Cancel' }).waitFor();
    }
    assert.equal(await page.locator('#outbox-full').isHidden(), true);
    await choose(page, 'fifth');
    await status(page, 'fifth', 'failed');
    await meta(page, 'fifth').getByText('The outbox is full: too much is waiting to be sent. (550)').waitFor();
    await page.getByRole('alert').filter({ hasText: 'The outbox is full.' }).waitFor();
    await page.locator('#outbox-count', { hasText: '4 messages wait.' }).waitFor();
    await bubble(page, 'first').getByRole('button', { name: 'Cancel' }).click();
    await page.locator('#outbox-full').waitFor({ state: 'hidden' });
    await bubble(page, 'fifth').getByRole('button', { name: 'Try again' }).click();
    await status(page, 'fifth', 'waiting');
    await page.locator('#outbox-count', { hasText: '4 messages wait.' }).waitFor();
  } finally {
    gate.close();
    await rm(folder, { recursive: true });
  }
});

test('a question is answered, and whoever asked sees it', async () => {
  const [ada, bo] = await Promise.all([stage.page(), stage.page()]);
  await Promise.all([signIn(ada, stage.server, { name: 'Ada Asks' }), signIn(bo, stage.server, { name: 'Bo Answers' })]);
  await openWith(ada, 'Bo Answers');
  await ada.locator('#ask').click();
  assert.equal(await ada.locator('#ask').getAttribute('aria-pressed'), 'true');
  await say(ada, 'Lunch at noon?');
  await status(ada, 'Lunch at noon?', 'asked');
  assert.equal(await ada.locator('#ask').getAttribute('aria-pressed'), 'false');
  await openConversation(bo, 'Ada Asks');
  await bubble(bo, 'Lunch at noon?').getByRole('button', { name: 'Yes' }).click();
  await bubble(bo, 'Lunch at noon?').getByText('You answered: Yes').waitFor();
  await status(ada, 'Lunch at noon?', 'answered');
  await meta(ada, 'Lunch at noon?').getByText('Answered: Yes').waitFor();
  assert.deepEqual([...ada.troubles, ...bo.troubles], []);
});

test('only now reaches who is there, and waits for nobody', async () => {
  const [ada, bo] = await Promise.all([stage.page(), stage.page()]);
  await Promise.all([signIn(ada, stage.server, { name: 'Ada Now' }), signIn(bo, stage.server, { name: 'Bo Now' })]);
  await openWith(ada, 'Bo Now');
  await ada.locator('#keep-for').selectOption({ label: 'only now' });
  await say(ada, 'quick');
  await status(ada, 'quick', 'sent');
  await openConversation(bo, 'Ada Now');
  await bubble(bo, 'quick').waitFor();
  assert.equal(await credentialOf(ada) === await credentialOf(bo), false);
});

test('a server that lost what it kept is told as a gap', async () => {
  const page = await stage.page();
  await signIn(page, stage.server, { name: 'Ada Gap' });
  await page.getByRole('button', { name: 'Note to self' }).first().click();
  await say(page, 'remembered');
  await status(page, 'remembered', 'delivered');
  await stage.server.kill();
  await stage.server.forget();
  await stage.server.restart();
  const banner = page.locator('#banner[data-kind="gap"]', { hasText: 'Some messages for this device may be lost' });
  await banner.waitFor();
  assert.equal(await banner.getAttribute('role'), 'status');
  await banner.getByRole('button', { name: 'I see' }).click();
  await banner.waitFor({ state: 'hidden' });
  await say(page, 'goes on');
  await status(page, 'goes on', 'delivered');
});
