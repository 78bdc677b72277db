/**
 * Makes the pictures of the documentation: people talking on the page, on a desk and on a phone.
 * `node screenshots.mjs [folder] [--all]`; `--all` makes one of every view, to look at.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bubble, credentialOf, emailOf, openConversation, openWith, say, signIn, startWith, status } from './harness/app.mjs';
import { launch, newPage } from './harness/browser.mjs';
import { openGate } from './harness/gate.mjs';
import { repack } from './harness/png.mjs';
import { Server } from './harness/server.mjs';
import { untilIn } from './harness/until.mjs';

const FOLDER = process.argv[2] ?? fileURLToPath(new URL('../../docs/', import.meta.url));
const ALL = process.argv.includes('--all');
const NAMES = ['Ada Lindqvist', 'Bo Andersson', 'Chiara Conti', 'Dmitri Sokolov', 'Esi Mensah', 'Farid Haddad'];

const [server, browser] = await Promise.all([Server.start(), launch()]);
// Ada's cable is slow enough to see a large file pass.
const cable = openGate(server, { chunkMs: 15 });
try {
  const pages = await Promise.all(NAMES.map(() => newPage(browser, { viewport: { width: 1440, height: 900 } })));
  const [ada, bo, chiara] = pages;

  /** @param {string} name @param {import('playwright-core').Page} [page] */
  const shoot = async (name, page = ada) => {
    const path = join(FOLDER, `screenshot-${name}.png`);
    const png = repack(await page.screenshot());
    await writeFile(path, png);
    console.log(`${path} ${(png.length / 1000).toFixed(0)} kB`);
  };
  const extra = ALL ? shoot : async () => {};
  /** What is told of new devices is looked at. @param {import('playwright-core').Page} [page] */
  const seen = async (page = ada) => {
    const told = page.locator('.notice .seen:visible, .alert button:has-text("It was me")');
    await told.first().waitFor();
    while (await told.count()) await told.first().click();
  };

  await ada.goto(server.url);
  await ada.locator('#sign-in').waitFor();
  await extra('sign-in');
  await ada.emulateMedia({ colorScheme: 'dark' });
  await extra('sign-in-dark');
  await ada.emulateMedia({ colorScheme: 'light' });
  await Promise.all(pages.map((page, at) => signIn(page, server, { name: NAMES[at], via: at === 0 ? cable.webSocketUrl : undefined })));
  await ada.locator('#people li').nth(4).waitFor();
  await extra('empty');

  await openWith(ada, 'Bo Andersson');
  await say(ada, 'Good morning! Did the router survive the night?');
  await openConversation(bo, 'Ada');
  await bubble(bo, 'survive').waitFor();
  await say(bo, 'It did. Nothing lost, nothing doubled.');
  await say(bo, 'I will write it up before lunch, with the numbers of last week next to it so that we can compare.');
  await bubble(ada, 'compare').waitFor();
  await say(ada, 'Lovely. What does the sensor in the cellar say?');
  await bubble(bo, 'cellar').waitFor();
  const bos = { to: await credentialOf(ada), server: server.webSocketUrl, name: NAMES[1], email: emailOf(NAMES[1]), secret: `a long secret of ${NAMES[1]}` };
  await bo.evaluate(async ({ to, ...settings }) => {
    const { Client } = await import('/pkg/index.js');
    const sensor = new Client(settings);
    await sensor.connect();
    await sensor.send(to, 'reading', { room: 'cellar', celsius: 18.5, humidity: 0.52, door: 'closed' });
    sensor.bye();
  }, bos);
  await ada.locator('.bubble.data').waitFor();
  await seen();
  await ada.locator('#ask').click();
  await say(ada, 'Cool enough. Shall we show it to the others?');
  await bubble(bo, 'Cool enough').getByRole('button', { name: 'Yes' }).click();
  await status(ada, 'Cool enough', 'answered');

  await startWith(bo, ['Ada Lindqvist', 'Chiara Conti']);
  await say(bo, 'Demo at three, room 4?');
  await openConversation(chiara, 'Bo Andersson');
  await bubble(chiara, 'Demo at three').waitFor();
  await say(chiara, 'Gladly, I bring the cake.');
  await ada.locator('#conversations .badge', { hasText: '2' }).waitFor();
  await openWith(pages[4], 'Ada Lindqvist');
  await say(pages[4], 'May I join with a third client?');
  await ada.locator('#conversations .row', { hasText: 'Esi' }).waitFor();
  // A second device that is away, and a file on its way.
  const other = await newPage(browser);
  await signIn(other, server, { name: NAMES[0] });
  await seen();
  await other.context().close();
  await ada.setViewportSize({ width: 1280, height: 800 });
  await ada.locator('#file').setInputFiles({ name: 'cellar-2026.csv', mimeType: 'text/csv', buffer: Buffer.alloc(12_000_000, 49) });
  await ada.mouse.move(700, 400);
  await untilIn(ada, () => Number(document.querySelector('.passing progress')?.value) > 4_000_000);
  await shoot('desktop');
  await ada.emulateMedia({ colorScheme: 'dark' });
  await extra('passing-dark');
  await ada.emulateMedia({ colorScheme: 'light' });
  await status(ada, 'cellar-2026', 'delivered');
  await ada.setViewportSize({ width: 1440, height: 900 });
  await ada.emulateMedia({ colorScheme: 'dark' });
  await extra('desktop-dark');
  await ada.locator('#inspect').click();
  await say(ada, 'Watch the frames now.');
  await status(ada, 'Watch the frames', 'delivered');
  await ada.locator('#frames summary', { hasText: 'Send' }).last().click();
  await ada.locator('#frames .json').waitFor();
  await extra('inspector-dark');
  await ada.emulateMedia({ colorScheme: 'light' });
  await extra('inspector');
  await ada.locator('#inspector-close').click();
  if (ALL) {
    await ada.setViewportSize({ width: 1280, height: 800 });
    await ada.locator('.safety').scrollIntoViewIfNeeded();
    await extra('safety');
    await ada.emulateMedia({ colorScheme: 'dark' });
    await extra('safety-dark');
    await ada.emulateMedia({ colorScheme: 'light' });
  }

  await ada.setViewportSize({ width: 390, height: 844 });
  await shoot('phone');
  if (ALL) {
    await ada.emulateMedia({ colorScheme: 'dark' });
    await extra('phone-dark');
    await ada.locator('#to-details').click();
    await extra('phone-details-dark');
    await ada.emulateMedia({ colorScheme: 'light' });
    await extra('phone-details');
    await ada.locator('.safety').scrollIntoViewIfNeeded();
    await extra('phone-safety');
    await ada.emulateMedia({ colorScheme: 'dark' });
    await extra('phone-safety-dark');
    await ada.emulateMedia({ colorScheme: 'light' });
    await ada.locator('#details [data-back]').click();
    await ada.locator('#talk').waitFor();
    await ada.locator('#talk [data-back]').click();
    await ada.locator('#conversations').waitFor();
    await ada.mouse.move(200, 800);
    await extra('phone-list');
    await ada.getByRole('button', { name: 'New conversation' }).first().click();
    await extra('phone-new');
    await ada.locator('#start-close').click();
    await ada.setViewportSize({ width: 900, height: 800 });
    await extra('tablet');
    await ada.setViewportSize({ width: 1440, height: 900 });
    await server.kill();
    await ada.locator('#banner', { hasText: 'Connection lost' }).waitFor();
    await openConversation(ada, 'Bo Andersson');
    await say(ada, 'Is anybody there?');
    await status(ada, 'Is anybody there?', 'waiting');
    await extra('waiting');
    await ada.emulateMedia({ colorScheme: 'dark' });
    await extra('waiting-dark');
    await server.forget();
    await server.restart();
    await ada.locator('#banner[data-kind="gap"]').waitFor();
    await extra('gap-dark');
    await ada.emulateMedia({ colorScheme: 'light' });
    await extra('gap');
  }
} finally {
  cable.close();
  await browser.close();
  await server.stop();
}
