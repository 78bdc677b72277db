/** The raw frames. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { say, signIn, status } from './harness/app.mjs';
import { openGate } from './harness/gate.mjs';
import { setUp } from './harness/setup.mjs';

const stage = setUp();

test('frames show as they pass, can be filtered, paused and cleared', async () => {
  const page = await stage.page();
  await signIn(page, stage.server, { name: 'Ada', md5: true });
  await page.getByRole('button', { name: 'Note to self' }).first().click();
  await page.locator('#inspect').click();
  await say(page, 'look at this');
  await status(page, 'look at this', 'delivered');

  const rows = page.locator('#frames li:visible');
  await page.locator('#inspector-filter').fill('look at this');
  await rows.filter({ has: page.locator('.direction.out') }).waitFor();
  await rows.filter({ has: page.locator('.direction.in') }).waitFor();
  assert.equal(await rows.count(), 2);
  await page.locator('#inspector-direction').selectOption('in');
  assert.equal(await rows.count(), 1);
  await rows.first().locator('summary').click();
  const shown = JSON.parse((await rows.first().locator('.json').textContent()) ?? '');
  assert.equal(shown.subject, 'talk');
  assert.equal(shown.content.text, 'look at this');
  assert.match((await rows.first().locator('.frame-size').textContent()) ?? '', /^\d+ B$/u);

  await page.locator('#inspector-filter').fill('');
  await page.locator('#inspector-direction').selectOption('');
  await page.locator('#inspector-pause').click();
  const before = await rows.count();
  await say(page, 'unseen');
  await status(page, 'unseen', 'delivered');
  assert.equal(await rows.count(), before);
  await page.locator('#inspector-clear').click();
  await page.getByText('Paused: nothing is recorded.').waitFor();
  await page.locator('#inspector-close').click();
  await page.locator('#inspector').waitFor({ state: 'hidden' });
  assert.deepEqual(page.troubles, []);
});

test('of an encrypted message no more shows than the server sees', async () => {
  const page = await stage.page();
  await signIn(page, stage.server, { name: 'Ada Sealed' });
  await page.getByRole('button', { name: 'Note to self' }).first().click();
  await page.locator('#inspect').click();
  await say(page, 'look at this');
  await status(page, 'look at this', 'delivered');
  for (const [direction, name] of [['out', 'Send'], ['in', 'Deliver']]) {
    const row = page.locator('#frames li', { has: page.locator(`.direction.${direction}`) }).filter({ has: page.locator('.frame-subject', { hasText: name }) }).filter({ hasText: 'encrypted' });
    await row.first().locator('summary').click();
    const shown = JSON.parse((await row.first().locator('.json').textContent()) ?? '');
    assert.equal(shown.subject, '');
    assert.match(shown.content, /^\d+ bytes, encrypted$/u);
  }
  assert.doesNotMatch((await page.locator('#frames').textContent()) ?? '', /look at this|unreadable|unknown 0x/u);
});

test('the registration shows, the hash of the secret in it does not', async () => {
  const gate = openGate(stage.server);
  try {
    const page = await stage.page();
    await signIn(page, stage.server, { name: 'Bo', secret: 'secret', via: gate.webSocketUrl, md5: true });
    await page.locator('#inspect').click();
    gate.pull();
    await page.locator('#banner', { hasText: 'Connection lost' }).waitFor();
    gate.plug();
    const registration = page.locator('#frames li', { has: page.locator('.direction.out') }).filter({ hasText: 'Hello' });
    await registration.locator('summary').click();
    const shown = JSON.parse((await registration.locator('.json').textContent()) ?? '');
    assert.equal(shown.name, 'Bo');
    assert.equal(shown.secret, '(hidden)');
    assert.doesNotMatch((await page.locator('body').innerHTML()) ?? '', /5ebe2294ecd0e0f08eab7690d2a6ee69/u);
  } finally {
    gate.close();
  }
});
