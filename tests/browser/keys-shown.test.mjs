/** What the page shows of keys, and offers about them, with a pretended package: states that a true server never comes to. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { bubble, openWith, say, sealing, status } from './harness/app.mjs';
import { BO, CHIARA, calls, pretend, signInPretending, tell } from './harness/pretend.mjs';
import { setUp } from './harness/setup.mjs';

const stage = setUp();
const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** @param {import('playwright-core').BrowserContextOptions} [options] */
async function ada(options) {
  const page = await stage.page(options);
  await signInPretending(page, stage.server);
  return page;
}

test('deriving the keys is said, can be called off, and is refused in words', async () => {
  const page = await stage.page();
  await pretend(page);
  await page.goto(stage.server.url);
  await page.evaluate(async () => {
    await import('/pkg/index.js');
    pretend.identifying = new Promise((resolve) => (globalThis.derived = resolve));
  });
  await page.locator('#name').fill('Ada');
  await page.locator('#email').fill('ada@example.org');
  await page.locator('#secret').fill('some secret');
  await page.locator('#sign-in-button').click();
  await page.locator('#sign-in-button', { hasText: 'Deriving your keys…' }).waitFor();
  await page.locator('#sign-in-cancel').click();
  await page.locator('#sign-in-button', { hasText: 'Sign in' }).waitFor();
  await page.evaluate(() => derived());
  assert.equal(await page.locator('#sign-in').isVisible(), true);

  await page.evaluate(() => (pretend.refuse = Object.assign(new Error(), { code: 420, reason: 'no' })));
  await page.locator('#sign-in-button').click();
  await page.getByRole('alert').filter({ hasText: 'This server takes identities with keys alone.' }).waitFor();
  assert.deepEqual(page.troubles, []);
});

test('an identity as in the original is chosen with a warning, and nothing claims to be encrypted', async () => {
  const page = await stage.page();
  await pretend(page);
  await page.goto(stage.server.url);
  await page.locator('summary', { hasText: 'Advanced' }).click();
  await page.getByLabel('As in the original (MD5)').check();
  await page.locator('#md5-warning', { hasText: 'nothing you write is encrypted end to end' }).waitFor();
  await page.locator('#name').fill('Ada');
  await page.locator('#email').fill('ada@example.org');
  await page.locator('#secret').fill('some secret');
  await page.locator('#strength[data-level="3"]').waitFor();
  await page.locator('#sign-in-button').click();
  await page.getByRole('button', { name: 'Note to self' }).first().click();
  await sealing(page, 'Not encrypted: you signed in as in the original.');
  assert.deepEqual(await page.evaluate(() => pretend.calls), [['identify', 'md5']]);
  assert.equal(await page.locator('#own-keys').isHidden(), true);
});

test('each message says whether it was encrypted', async () => {
  const page = await ada();
  await openWith(page, 'Bo <i>');
  await sealing(page, 'Encrypted end to end.');
  await say(page, 'for Bo alone');
  await bubble(page, 'for Bo alone').getByRole('img', { name: 'Encrypted end to end' }).waitFor();
  for (const [encrypted, text] of [[true, 'sealed'], [false, 'open']]) {
    await tell(page, 'message', { to: ['a0'.repeat(16)], from: BO, subject: 'talk', timestamp: Date.now(), content: { id: text, name: 'Bo', text }, encrypted });
  }
  await bubble(page, 'sealed').getByRole('img', { name: 'Encrypted end to end' }).waitFor();
  await bubble(page, 'open').getByText('Not encrypted').waitFor();
  assert.equal(await bubble(page, 'open').locator('.lock').isHidden(), true);
});

test('one without keys is asked about once, and what was held goes', async () => {
  const page = await ada();
  await openWith(page, 'Chiara');
  await sealing(page, 'Will be encrypted. If Chiara has no keys, you are asked first.');
  await say(page, 'hello');
  await bubble(page, 'hello').getByText('Held: Chiara has no keys').waitFor();
  await page.locator('#ask').click();
  await say(page, 'well?');
  await bubble(page, 'well?').getByText('Held: Chiara has no keys').waitFor();
  await sealing(page, 'Send it unencrypted?');
  await page.locator('#composer-sealing').getByRole('button', { name: 'Send unencrypted' }).click();
  await status(page, 'hello', 'delivered');
  await status(page, 'well?', 'answered');
  await bubble(page, 'hello').getByText('Not encrypted').waitFor();
  await sealing(page, 'Not encrypted: Chiara has no keys.');
  await say(page, 'again');
  await status(page, 'again', 'delivered');
  // Once is enough, and it can be taken back.
  await page.getByRole('button', { name: 'Hold instead' }).click();
  await sealing(page, 'Held: Chiara has no keys');
  await say(page, 'not this');
  await bubble(page, 'not this').getByText('Held: Chiara has no keys').waitFor();
  await bubble(page, 'not this').getByRole('button', { name: 'Cancel' }).click();
  await status(page, 'not this', 'failed');
  assert.deepEqual(await page.evaluate(() => pretend.sent.map(({ content, options }) => [content.text, options.allowPlain])), [['hello', false], ['well?', false], ['hello', true], ['well?', true], ['again', true], ['not this', false]]);
});

test('a new device of somebody is told, and accepted', async () => {
  const page = await ada();
  await openWith(page, 'Bo <i>');
  await page.evaluate((bo) => pretend.devices[bo].push(pretend.device('b3', 0, false)), BO);
  await tell(page, 'peerchange', { credential: BO, change: 'device-added', device: 'b3'.repeat(16), held: true });
  const notice = page.locator('.notice', { hasText: 'Bo <i> signed in on a new device. Messages to them are held until you accept it.' });
  await notice.waitFor();
  await sealing(page, 'Held until you accept the new keys of Bo');
  await page.locator('.key-device', { has: page.locator('.pill:not([hidden])', { hasText: 'not accepted' }) }).waitFor();
  // With the keyboard alone, and then one goes on writing.
  await notice.getByRole('button', { name: 'Accept' }).focus();
  await page.keyboard.press('Enter');
  await notice.waitFor({ state: 'detached' });
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'text');
  await sealing(page, 'Encrypted end to end.');
  assert.deepEqual(await calls(page), [['accept', BO]]);
  assert.equal(await page.locator('#app :is(i, b):not(.strength i)').count(), 0);
  // What nothing waits for is only told.
  await tell(page, 'peerchange', { credential: BO, change: 'device-removed', device: 'b3'.repeat(16), held: false });
  await page.locator('.notice', { hasText: 'removed a device' }).getByRole('button', { name: 'I see' }).click();
  await page.locator('.notice').waitFor({ state: 'detached' });
  // What was told before the page was loaded still holds.
  await page.evaluate((bo) => pretend.devices[bo].push(pretend.device('b4', 0, false)), BO);
  await openWith(page, 'Chiara');
  await openWith(page, 'Bo <i>');
  await page.locator('.notice', { hasText: 'has a device that you did not accept yet' }).getByRole('button', { name: 'Accept' }).click();
  await page.locator('.notice').waitFor({ state: 'detached' });
});

test('keys are compared by twelve groups of five digits', async () => {
  const page = await ada();
  await openWith(page, 'Bo <i>');
  const groups = page.locator('.safety-number span');
  await groups.nth(11).waitFor();
  assert.equal(await page.locator('.key-device').count(), 2);
  assert.deepEqual((await groups.allTextContents()).map(({ length }) => length), Array(12).fill(5));
  const code = page.getByRole('img', { name: 'QR code of your keys and theirs' });
  assert.equal(await code.evaluate((image) => image.decode().then(() => image.naturalWidth > 0)), true);
  await page.getByRole('button', { name: 'I compared it: verified' }).click();
  await page.getByText('From now on a new device of theirs waits until you accept it.').waitFor();
  await sealing(page, 'Encrypted end to end, keys compared.');
  assert.deepEqual(await calls(page), [['verify', BO]]);
});

test('a server that shows an impossible list is an alarm, wherever one is', async () => {
  const page = await ada();
  await page.locator('#people .row', { hasText: 'Bo' }).waitFor();
  await tell(page, 'error', { code: 462, reason: 'The server showed an older list of devices than before', retry: false, credential: BO });
  await page.getByRole('alert').filter({ hasText: 'Alarm about the keys of Bo <i>. The server showed an older list of devices than before.' }).getByRole('button', { name: 'I see' }).click();
  await page.locator('.alert').waitFor({ state: 'detached' });
});

test('a new device of one’s own is announced, and can be revoked', async () => {
  const page = await ada();
  const other = '02'.repeat(16);
  await page.evaluate((other) => {
    const { client } = pretend;
    client.devices = [...client.devices, { id: other, name: '<b>Phone</b>', online: true, seen: Date.now(), waiting: 0, isThis: false }];
    pretend.devices['a0'.repeat(16)].push(pretend.device('02', 0));
    pretend.tell('devices', client.devices);
    pretend.tell('peerchange', { credential: client.credential, change: 'own-device-added', device: other, held: false });
  }, other);
  const alert = page.locator('.alert', { hasText: 'A new device signed in as you: <b>Phone</b>.' });
  await alert.getByRole('button', { name: 'Revoke it' }).click();
  await page.locator('.device-enrolled', { hasText: 'Yours since' }).last().waitFor();
  await page.getByRole('button', { name: 'Yes, revoke <b>Phone</b>' }).click();
  await page.locator('.device-name', { hasText: 'Phone' }).waitFor({ state: 'detached' });
  assert.deepEqual(await calls(page), [['revoke', other]]);
});

test('keys are saved to a file under a pass phrase, and taken over from one', async () => {
  const page = await ada();
  await page.locator('summary', { hasText: 'Save a copy' }).click();
  await page.getByLabel('Pass phrase for the copy').fill('right');
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save the copy' }).click()]);
  assert.equal(await readFile(await download.path(), 'utf8'), 'sealed');
  await page.locator('summary', { hasText: 'Take over a copy' }).click();
  await page.getByLabel('The file').setInputFiles({ name: 'msgsrouter.keys', mimeType: 'application/octet-stream', buffer: Buffer.from('sealed') });
  await page.getByLabel('Its pass phrase').fill('wrong');
  await page.getByRole('button', { name: 'Take it over' }).click();
  await page.getByText('The pass phrase does not open the copy.').waitFor();
  await page.getByLabel('Its pass phrase').fill('right');
  await page.getByRole('button', { name: 'Take it over' }).click();
  await page.getByText('The keys are taken over.').waitFor();
});

for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
  test(`axe finds nothing serious in it, and nothing is cut off, ${colorScheme}`, async () => {
    const page = await ada({ bypassCSP: true, colorScheme });
    const check = async (where) => {
      await page.evaluate(AXE);
      const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
      const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
      assert.deepEqual(serious.map(({ id, nodes }) => [id, nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`)]), [], where);
      const wide = await page.evaluate(() => [document.documentElement, ...document.querySelectorAll('.scroll, .panel, .composer, .notice, .alert')].filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).map(({ id, className }) => id || className));
      assert.deepEqual(wide, [], `${where}: nothing is cut off at the side`);
      const small = await page.evaluate(() => (innerWidth < 760 ? [...document.querySelectorAll('button, summary')] : []).filter((target) => target.offsetParent && target.getBoundingClientRect().height < 44).map(({ outerHTML }) => outerHTML));
      assert.deepEqual(small, [], `${where}: targets are 44 px high`);
    };
    await openWith(page, 'Chiara');
    for (const text of ['hello', 'wide'.repeat(100)]) await say(page, text);
    await sealing(page, 'Send it unencrypted?');
    await page.evaluate((bo) => pretend.devices[bo].push(pretend.device('b3', 0, false)), BO);
    await tell(page, 'peerchange', { credential: CHIARA, change: 'new-key', held: true });
    await tell(page, 'peerchange', { credential: 'a0'.repeat(16), change: 'own-device-added', device: '02'.repeat(16), held: false });
    await tell(page, 'error', { code: 462, reason: 'There are two lists of devices under one number', retry: false, credential: CHIARA });
    await page.locator('.notice').waitFor();
    await check('held');
    await page.setViewportSize({ width: 390, height: 844 });
    await check('held on a phone');
    await page.locator('#talk [data-back]').click();
    await openWith(page, 'Bo <i>');
    await tell(page, 'message', { to: ['a0'.repeat(16)], from: BO, subject: 'talk', timestamp: Date.now(), content: { id: '1', name: 'Bo', text: 'open '.repeat(40) }, encrypted: false });
    await page.getByText('Not encrypted').waitFor();
    await check('talk on a phone');
    await page.locator('#to-details').click();
    for (const title of ['Save a copy', 'Take over a copy']) await page.locator('summary', { hasText: title }).click();
    await check('details on a phone');
    await page.setViewportSize({ width: 1280, height: 800 });
    await check('details');
  });
}
