/** Signing in, staying, leaving, and being refused. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bubble, connected, credentialOf, openConversation, openWith, say, signIn, status } from './harness/app.mjs';
import { setUp } from './harness/setup.mjs';

const stage = setUp();

/** @param {import('playwright-core').Page} page */
const stored = (page) => page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }]));

test('a reload keeps the person signed in who asked for it, with what was said', async () => {
  const [ada, bo] = await Promise.all([stage.page(), stage.page()]);
  await Promise.all([signIn(ada, stage.server, { name: 'Ada Stays', keep: true }), signIn(bo, stage.server, { name: 'Bo Stays' })]);
  const credential = await credentialOf(ada);
  await openWith(ada, 'Bo Stays');
  await say(ada, 'still here?');
  await status(ada, 'still here?', 'delivered');
  await ada.locator('#text').fill('a draft');

  await ada.reload();
  await connected(ada);
  assert.equal(await credentialOf(ada), credential);
  await openConversation(ada, 'Bo Stays');
  await bubble(ada, 'still here?').waitFor();
  assert.equal(await ada.locator('#text').inputValue(), 'a draft');
  await openConversation(bo, 'Ada Stays');
  await say(bo, 'always');
  await bubble(ada, 'always').waitFor();
  assert.deepEqual(ada.troubles, []);
});

test('without being asked nothing keeps the secret', async () => {
  const page = await stage.page();
  await signIn(page, stage.server, { name: 'Ada Leaves', secret: 'unforgettable words' });
  assert.doesNotMatch(await stored(page), /unforgettable/u);
  await page.reload();
  await page.locator('#sign-in').waitFor();
  assert.equal(await page.locator('#name').inputValue(), 'Ada Leaves');
  assert.equal(await page.locator('#secret').inputValue(), '');
});

test('signing out forgets the secret and what was said', async () => {
  const page = await stage.page();
  await signIn(page, stage.server, { name: 'Ada Ends', keep: true, secret: 'unforgettable words' });
  assert.match(await stored(page), /ed25519:/u);
  assert.doesNotMatch(await stored(page), /unforgettable/u);
  await page.getByRole('button', { name: 'Note to self' }).first().click();
  await say(page, 'between us');
  await status(page, 'between us', 'delivered');
  await page.locator('#sign-out').click();
  await page.locator('#sign-in').waitFor();
  assert.doesNotMatch(await stored(page), /ed25519|between us/u);
  assert.doesNotMatch((await page.locator('#app').innerHTML()) ?? '', /between us/u);
  await page.reload();
  await page.locator('#sign-in').waitFor();
});

test('the server may be another one, and its address is checked', async () => {
  const page = await stage.page();
  await page.goto(stage.server.url);
  assert.equal(await page.locator('#server').inputValue(), stage.server.webSocketUrl);
  await page.locator('#name').fill('Ada');
  await page.locator('#email').fill('ada@example.org');
  await page.locator('#secret').fill('some secret');
  await page.locator('summary', { hasText: 'Advanced' }).click();
  await page.locator('#server').fill('http://127.0.0.1:1');
  await page.locator('#sign-in-button').click();
  await page.getByRole('alert').filter({ hasText: 'ws:// or wss://' }).waitFor();
  // Nobody listens there: it goes on trying, says so, and can be called off.
  await page.locator('#server').fill('ws://127.0.0.1:9');
  await page.locator('#sign-in-button').click();
  await page.locator('#sign-in-progress', { hasText: 'No answer from 127.0.0.1:9 yet.' }).waitFor();
  await page.locator('#sign-in-cancel').click();
  await page.locator('#sign-in-button', { hasText: 'Sign in' }).waitFor();
  assert.equal(await page.locator('#sign-in-problem').isHidden(), true);
});

test('a secret is judged, and a good one made', async () => {
  const page = await stage.page();
  await page.goto(stage.server.url);
  const level = (/** @type {number} */ level) => page.locator(`#strength[data-level="${level}"]`).waitFor();
  await page.locator('#secret').fill('password1');
  await level(1);
  await page.getByRole('button', { name: 'Make one for me' }).click();
  await level(4);
  assert.equal(await page.locator('#secret').getAttribute('type'), 'text');
  await page.getByRole('button', { name: 'Copy the secret' }).waitFor();
  // It is hidden as soon as another one is typed.
  await page.locator('#secret').fill('');
  await level(0);
  assert.equal(await page.locator('#made-secret').isHidden(), true);
});

test('a page that cannot get the package says so', async () => {
  const page = await stage.page();
  await page.route('**/pkg/**', (route) => route.abort());
  await page.goto(stage.server.url);
  await page.locator('#name').fill('Ada');
  await page.locator('#email').fill('ada@example.org');
  await page.locator('#secret').fill('some secret');
  await page.locator('#sign-in-button').click();
  await page.getByRole('alert').filter({ hasText: 'could not be loaded' }).waitFor();
});
