/** The keyboard alone, narrow windows, and what axe finds. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { bubble, connected, emailOf, openConversation, openWith, say, signIn, startWith, status } from './harness/app.mjs';
import { openGate } from './harness/gate.mjs';
import { setUp } from './harness/setup.mjs';

const stage = setUp();
const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

/** Presses Tab until the element with that id has the focus. @param {import('playwright-core').Page} page @param {string} selector */
async function tabTo(page, selector) {
  for (let presses = 0; presses < 60; presses += 1) {
    if (await page.evaluate((selector) => document.activeElement?.matches(selector), selector)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`${selector} cannot be reached with Tab`);
}

test('everything with the keyboard alone', async () => {
  const [ada, bo] = await Promise.all([stage.page(), stage.page()]);
  await signIn(bo, stage.server, { name: 'Bo Keys' });
  await ada.goto(stage.server.url);
  await ada.locator('#sign-in').waitFor();
  await tabTo(ada, '#name');
  await ada.keyboard.type('Ada Keys');
  await tabTo(ada, '#email');
  await ada.keyboard.type(emailOf('Ada Keys'));
  await tabTo(ada, '#secret');
  await ada.keyboard.type('a long secret of Ada');
  await ada.keyboard.press('Enter');
  await connected(ada);

  await ada.locator('#people .row', { hasText: 'Bo Keys' }).waitFor();
  await tabTo(ada, '#people .row');
  const ring = await ada.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(ring, 'solid');
  await ada.keyboard.press('Enter');
  await tabTo(ada, '#text');
  await ada.keyboard.type('no mouse');
  await ada.keyboard.press('Enter');
  await status(ada, 'no mouse', 'delivered');
  await bo.locator('#conversations .row', { hasText: 'Ada Keys' }).waitFor();

  // Several people: the dialog takes the focus and gives it back.
  await ada.keyboard.press('Control+k');
  await tabTo(ada, '#new-conversation');
  await ada.keyboard.press('Enter');
  await ada.locator('#start').waitFor();
  await tabTo(ada, '#start-people input');
  await ada.keyboard.press('Space');
  assert.equal(await ada.locator('#start-go').isEnabled(), true);
  await ada.keyboard.press('Escape');
  await ada.locator('#start').waitFor({ state: 'hidden' });
  assert.equal(await ada.evaluate(() => document.activeElement?.id), 'new-conversation');

  await tabTo(ada, '#inspect');
  await ada.keyboard.press('Enter');
  await ada.locator('#inspector').waitFor();
  await tabTo(ada, '#inspector-pause');
  await ada.keyboard.press('Escape');
  await ada.locator('#inspector').waitFor({ state: 'hidden' });
  assert.equal(await ada.evaluate(() => document.activeElement?.id), 'inspect');
  await tabTo(ada, '#sign-out');
  await ada.keyboard.press('Enter');
  await ada.locator('#sign-in').waitFor();
  assert.deepEqual(ada.troubles, []);
});

test('new messages are announced', async () => {
  const [ada, bo] = await Promise.all([stage.page(), stage.page()]);
  await Promise.all([signIn(ada, stage.server, { name: 'Ada Hears' }), signIn(bo, stage.server, { name: 'Bo Speaks' })]);
  await openWith(bo, 'Ada Hears');
  await say(bo, 'listen');
  await ada.locator('#announcer[aria-live="polite"]', { hasText: 'Bo Speaks: listen' }).waitFor({ state: 'attached' });
});

test('a phone shows one column, and nothing is wider than it', async () => {
  const phone = await stage.page(PHONE);
  const other = await stage.page();
  const narrow = async (where) => {
    const [page, window] = await phone.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.equal(page, window, `${where} is ${page} px wide`);
    const clipped = await phone.evaluate(() => [...document.querySelectorAll('.scroll')].filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).map(({ id, className }) => id || className));
    assert.deepEqual(clipped, [], `${where}: nothing is cut off at the side`);
    const tall = await phone.evaluate(() => document.documentElement.scrollHeight - innerHeight);
    if (where !== 'sign in') assert.equal(tall, 0, `${where} is ${tall} px too tall`);
  };
  await phone.goto(stage.server.url);
  await phone.locator('#sign-in').waitFor();
  assert.equal(await phone.evaluate(() => innerWidth), 390);
  await narrow('sign in');
  const long = `Wilhelmina${'averylongname'.repeat(8)}`;
  await Promise.all([signIn(phone, stage.server, { name: 'Ada Phone' }), signIn(other, stage.server, { name: long })]);
  await narrow('list');
  await openWith(phone, long);
  await narrow('talk');
  await say(phone, 'wide'.repeat(500));
  for (let at = 0; at < 30; at += 1) await say(phone, `line ${at}`);
  await status(phone, 'line 29', 'delivered');
  await narrow('long talk');
  const end = await phone.evaluate(() => {
    const { bottom } = document.querySelector('#entries li:last-child').getBoundingClientRect();
    return bottom <= document.querySelector('#composer').getBoundingClientRect().top;
  });
  assert.equal(end, true, 'the last message is above the composer');
  await phone.locator('#to-details').tap();
  await narrow('details');
  await phone.locator('#inspect').tap();
  await narrow('inspector');
  await phone.locator('#inspector-close').tap();

  const small = await phone.evaluate(() => {
    const shown = [...document.querySelectorAll('button')].filter((button) => button.offsetParent);
    return shown.filter((button) => button.getBoundingClientRect().height < 44).map((button) => button.outerHTML);
  });
  assert.deepEqual(small, [], 'targets are 44 px high');

  // The browser's own way back goes through the columns.
  await phone.goBack();
  await phone.locator('#talk').waitFor();
  await phone.locator('#talk [data-back]').tap();
  await phone.locator('#conversations').waitFor();
  assert.equal(await phone.locator('#talk').isHidden(), true);
  assert.deepEqual(phone.troubles, []);
});

test('hundreds of messages and conversations do not blow the page', async () => {
  const page = await stage.page();
  await signIn(page, stage.server, { name: 'Ada Many' });
  await page.evaluate(async () => {
    const key = `msr.history.${document.querySelector('#own-credential code').textContent}`;
    const conversations = Array.from({ length: 250 }, (_, at) => {
      const member = at.toString(16).padStart(32, '0');
      const entries = Array.from({ length: at === 0 ? 300 : 1 }, (_, id) => ({ id: String(id), from: member, at: 1e12 + at, status: 'received', text: `text ${id}` }));
      return { id: member, members: [member], entries, unread: 0, draft: '', at: 1e12 - at };
    });
    addEventListener('pagehide', () => sessionStorage.setItem(key, JSON.stringify({ conversations, people: [] })));
  });
  await page.reload();
  await signIn(page, stage.server, { name: 'Ada Many' });
  assert.equal(await page.locator('#conversations li').count(), 250);
  await page.locator('#conversations .row').first().click();
  await page.locator('.entry', { hasText: 'text 299' }).waitFor();
  const sizes = await page.evaluate(() => [document.documentElement.scrollHeight, innerHeight, document.documentElement.scrollWidth, innerWidth]);
  assert.equal(sizes[0], sizes[1]);
  assert.equal(sizes[2], sizes[3]);
});

for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
  test(`axe finds nothing serious, ${colorScheme}`, async () => {
    const [ada, bo] = await Promise.all([stage.page({ bypassCSP: true, colorScheme }), stage.page()]);
    const check = async (where) => {
      await ada.evaluate(AXE);
      const { violations } = await ada.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
      const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
      assert.deepEqual(serious.map(({ id, nodes }) => [id, nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`)]), [], where);
    };
    const [first, second] = [`Ada ${colorScheme}`, `Bo ${colorScheme}`];
    await ada.goto(stage.server.url);
    await ada.locator('#sign-in').waitFor();
    await ada.locator('#secret').fill('weak');
    await check('sign in');
    await Promise.all([signIn(ada, stage.server, { name: first }), signIn(bo, stage.server, { name: second })]);
    await check('empty');
    await openWith(ada, second);
    await say(ada, 'hello');
    await openConversation(bo, first);
    await say(bo, 'hello yourself');
    await bubble(ada, 'hello yourself').waitFor();
    await ada.locator('#inspect').click();
    await say(ada, 'watched');
    await ada.locator('#frames summary').first().click();
    await check('talk with the inspector');
    await ada.locator('#inspector-close').click();
    await startWith(ada, [second]);
    await ada.getByRole('button', { name: 'New conversation' }).first().click();
    await ada.locator('#start-people .row').first().click();
    await check('new conversation');
    await ada.keyboard.press('Escape');
    await ada.setViewportSize({ width: 390, height: 844 });
    await check('phone');
  });
}

for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
  test(`nor in what is on its way, on a desk and on a phone, ${colorScheme}`, async () => {
    const gate = openGate(stage.server);
    const [ada, bo, away] = await Promise.all([stage.page({ bypassCSP: true, colorScheme }), stage.page(), stage.page()]);
    const names = [`Ada under way ${colorScheme}`, `Bo under way ${colorScheme}`, `Chiara under way ${colorScheme}`];
    const check = async (where) => {
      await ada.evaluate(AXE);
      const { violations } = await ada.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
      const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
      assert.deepEqual(serious.map(({ id, nodes }) => [id, nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`)]), [], where);
      const wide = await ada.evaluate(() => [document.documentElement, ...document.querySelectorAll('.scroll, .panel, .composer')].filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).map(({ id, className }) => id || className));
      assert.deepEqual(wide, [], `${where}: nothing is cut off at the side`);
    };
    try {
      await Promise.all([signIn(ada, stage.server, { name: names[0], via: gate.webSocketUrl }), signIn(bo, stage.server, { name: names[1] }), signIn(away, stage.server, { name: names[2] })]);
      await startWith(ada, names.slice(1));
      await away.context().close();
      await say(ada, 'to both');
      await ada.locator('.receipts summary').click();
      await ada.locator('#ask').click();
      await say(ada, 'does it hold?');
      await openConversation(bo, names[0]);
      await say(bo, 'it does');
      await bubble(ada, 'it does').waitFor();
      await ada.locator('#file').setInputFiles({ name: `${'long'.repeat(30)}.txt`, mimeType: 'text/plain', buffer: Buffer.from('text') });
      await ada.locator('.entry .file').waitFor();
      await check('receipts');
      gate.pull();
      await ada.locator('#banner', { hasText: 'Connection lost' }).waitFor();
      for (const text of ['waits', 'wide'.repeat(100)]) await say(ada, text);
      await check('outbox');
      await ada.setViewportSize({ width: 390, height: 844 });
      await check('outbox on a phone');
      await ada.locator('#to-details').click();
      await ada.locator('#outbox').waitFor();
      await check('details on a phone');
    } finally {
      gate.close();
    }
  });
}

test('the colours can be chosen, and stay chosen', async () => {
  const page = await stage.page({ colorScheme: 'light' });
  await signIn(page, stage.server, { name: 'Ada Dark', keep: true });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.locator('#theme').click();
  await page.locator('#theme').click();
  assert.equal(await page.locator('#theme').getAttribute('aria-label'), 'Colours: dark');
  const dark = await ground();
  assert.notEqual(light, dark);
  await page.reload();
  await connected(page);
  assert.equal(await ground(), dark);
});
