/** Keys and encryption as people meet them on the page, with the real package against the real server. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { bubble, connected, credentialOf, openConversation, openWith, reconnected, say, sealing, signIn, status } from './harness/app.mjs';
import { Server } from './harness/server.mjs';
import { setUp } from './harness/setup.mjs';

const stage = setUp();

/** All that passes between a page and its server. @param {import('playwright-core').Page} page */
function captured(page) {
  const frames = [];
  page.on('websocket', (socket) => {
    for (const event of /** @type {const} */ (['framesent', 'framereceived'])) socket.on(event, ({ payload }) => frames.push(Buffer.from(payload)));
  });
  return frames;
}

/** The safety number that a page shows. @param {import('playwright-core').Page} page */
async function safetyNumber(page) {
  await page.locator('.safety-number span').nth(11).waitFor();
  return page.locator('.safety-number span').allTextContents();
}

/** The sign of an encrypted message. @param {import('playwright-core').Page} page @param {string} text */
const locked = (page, text) => bubble(page, text).getByRole('img', { name: 'Encrypted end to end' }).waitFor();

test('what two people write is encrypted, both see so, and see one safety number', async () => {
  const [ada, bo] = await Promise.all([stage.page(), stage.page()]);
  const frames = captured(ada);
  await Promise.all([signIn(ada, stage.server, { name: 'Ada Sealed' }), signIn(bo, stage.server, { name: 'Bo Sealed' })]);
  await openWith(ada, 'Bo Sealed');
  await say(ada, 'between the two of us');
  await status(ada, 'between the two of us', 'delivered');
  await locked(ada, 'between the two of us');
  await openConversation(bo, 'Ada Sealed');
  await locked(bo, 'between the two of us');
  await say(bo, 'nobody else reads it');
  await locked(ada, 'nobody else reads it');
  await Promise.all([sealing(ada, 'Encrypted end to end.'), sealing(bo, 'Encrypted end to end.')]);
  assert.ok(frames.length > 4);
  for (const words of ['between the two', 'nobody else', 'a long secret']) assert.equal(frames.some((frame) => frame.includes(words)), false, words);
  assert.deepEqual(await safetyNumber(ada), await safetyNumber(bo));
  assert.deepEqual([...ada.troubles, ...bo.troubles], []);
});

test('one as in the original is asked about, and gets it unencrypted', async () => {
  const [ada, old] = await Promise.all([stage.page(), stage.page()]);
  await Promise.all([signIn(ada, stage.server, { name: 'Ada Asks' }), signIn(old, stage.server, { name: 'Otto Original', md5: true })]);
  await openWith(ada, 'Otto Original');
  await say(ada, 'may I?');
  await bubble(ada, 'may I?').getByText('Held: Otto Original has no keys').waitFor();
  await ada.locator('#composer-sealing').getByRole('button', { name: 'Send unencrypted' }).click();
  await status(ada, 'may I?', 'delivered');
  await bubble(ada, 'may I?').getByText('Not encrypted').waitFor();
  await openConversation(old, 'Ada Asks');
  await bubble(old, 'may I?').getByText('Not encrypted').waitFor();
  assert.equal(await bubble(old, 'may I?').count(), 1);
  await sealing(old, 'Not encrypted: you signed in as in the original.');
  await say(old, 'you may');
  await bubble(ada, 'you may').getByText('Not encrypted').waitFor();
  await say(ada, 'so I do');
  await status(ada, 'so I do', 'delivered');
});

test('two devices of one person read all of it, know of each other, and one revokes the other', async () => {
  const [here, bo] = await Promise.all([stage.page(), stage.page()]);
  await Promise.all([signIn(here, stage.server, { name: 'Ada Twice' }), signIn(bo, stage.server, { name: 'Bo Twice' })]);
  const there = await stage.page();
  await signIn(there, stage.server, { name: 'Ada Twice' });
  assert.equal(await credentialOf(there), await credentialOf(here));
  await here.locator('.alert', { hasText: 'A new device signed in as you' }).getByRole('button', { name: 'It was me' }).click();
  await here.locator('.device-enrolled', { hasText: 'Yours since' }).nth(1).waitFor();

  await openWith(bo, 'Ada Twice');
  await say(bo, 'to both of you');
  for (const page of [here, there]) {
    await openConversation(page, 'Bo Twice');
    await locked(page, 'to both of you');
  }
  await say(there, 'from there');
  await locked(bo, 'from there');
  await locked(here, 'from there');

  const other = here.locator('.device').filter({ hasNotText: 'this one' });
  await other.getByRole('button', { name: /^Revoke / }).click();
  await other.getByRole('button', { name: /^Yes, revoke/ }).click();
  await there.locator('#banner', { hasText: 'This device was revoked' }).waitFor();
  await say(bo, 'to the one that is left');
  await locked(here, 'to the one that is left');
});

test('after comparing keys a new device waits until it is accepted', async () => {
  const [ada, bo] = await Promise.all([stage.page(), stage.page()]);
  await Promise.all([signIn(ada, stage.server, { name: 'Ada Compares', keep: true }), signIn(bo, stage.server, { name: 'Bo Compared' })]);
  await openWith(ada, 'Bo Compared');
  await say(ada, 'first');
  await status(ada, 'first', 'delivered');
  assert.ok(await ada.locator('.qr img').evaluate((image) => image.decode().then(() => image.naturalWidth)) >= 57);
  await ada.getByRole('button', { name: 'I compared it: verified' }).click();
  await sealing(ada, 'keys compared');
  await ada.reload();
  await connected(ada);
  await openConversation(ada, 'Bo Compared');
  await sealing(ada, 'keys compared');
  await ada.getByText('Verified. From now on a new device').waitFor();

  const second = await stage.page();
  await signIn(second, stage.server, { name: 'Bo Compared' });
  await say(ada, 'second');
  const notice = ada.locator('.notice', { hasText: 'Bo Compared signed in on a new device.' });
  await bubble(ada, 'second').getByText('Held until you accept the new keys of Bo Compared').waitFor();
  await notice.getByRole('button', { name: 'Accept' }).click();
  await status(ada, 'second', 'delivered');
  await openConversation(second, 'Ada Compares');
  await locked(second, 'second');
});

test('keys are saved to a file that says nothing without its pass phrase', async () => {
  const page = await stage.page();
  await signIn(page, stage.server, { name: 'Ada Saves' });
  await page.getByRole('button', { name: 'Note to self' }).first().click();
  await say(page, 'kept');
  await status(page, 'kept', 'delivered');
  await page.locator('summary', { hasText: 'Save a copy' }).click();
  await page.getByLabel('Pass phrase for the copy').fill('four unrelated words');
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save the copy' }).click()]);
  const backup = await readFile(await download.path());
  assert.equal(backup.includes('kept') || backup.includes('Ada Saves'), false);

  const other = await stage.page();
  await signIn(other, stage.server, { name: 'Ada Saves' });
  await other.locator('summary', { hasText: 'Take over a copy' }).click();
  await other.getByLabel('The file').setInputFiles({ name: 'copy.keys', mimeType: 'application/octet-stream', buffer: backup });
  await other.getByLabel('Its pass phrase').fill('four other words');
  await other.getByRole('button', { name: 'Take it over' }).click();
  await other.locator('#own-keys .problem-line:not(:empty)').waitFor();
  await other.getByLabel('Its pass phrase').fill('four unrelated words');
  await other.getByRole('button', { name: 'Take it over' }).click();
  await other.getByText('The keys are taken over.').waitFor();
});

test('a server that takes keys alone says so', async () => {
  const server = await Server.start({ IDENTITY: 'key' });
  try {
    const page = await stage.page();
    await page.goto(server.url);
    await page.locator('#name').fill('Otto');
    await page.locator('#email').fill('otto@example.org');
    await page.locator('#secret').fill('some secret of Otto');
    await page.locator('summary', { hasText: 'Advanced' }).click();
    await page.locator('#as-original').check();
    await page.locator('#sign-in-button').click();
    await page.getByRole('alert').filter({ hasText: 'This server takes identities with keys alone.' }).waitFor();
  } finally {
    await server.stop();
  }
});

test('a server that lost what it kept learns lists and keys anew, and encrypted messages flow', async () => {
  const server = await Server.start();
  try {
    const [ada, bo] = await Promise.all([stage.page(), stage.page()]);
    await Promise.all([signIn(ada, server, { name: 'Ada Stays' }), signIn(bo, server, { name: 'Bo Stays' })]);
    await openWith(ada, 'Bo Stays');
    await say(ada, 'before');
    await status(ada, 'before', 'delivered');
    await server.kill();
    await server.forget();
    await server.restart();
    await Promise.all([reconnected(ada), reconnected(bo)]);
    await say(ada, 'after');
    await status(ada, 'after', 'delivered');
    await openConversation(bo, 'Ada Stays');
    await locked(bo, 'after');
    await say(bo, 'and back');
    await locked(ada, 'and back');
    for (const page of [ada, bo]) {
      await page.getByRole('button', { name: 'New conversation' }).first().click();
      await page.locator('#start-self').click();
      await say(page, 'a note to self');
      await status(page, 'a note to self', 'delivered');
      await locked(page, 'a note to self');
    }
    // Somebody who comes now finds their keys.
    const late = await stage.page();
    await signIn(late, server, { name: 'Cleo Comes' });
    await openWith(late, 'Ada Stays');
    await say(late, 'from somebody new');
    await status(late, 'from somebody new', 'delivered');
  } finally {
    await server.stop();
  }
});
