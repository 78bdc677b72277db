/** What a person does on the page. */

import { TIMEOUT_MS } from './browser.mjs';

/** @typedef {import('playwright-core').Page} Page */

/** The longest wait of a client before its next attempt: `BACKOFF_CAP_MS` in `client/src/limits.rs`. */
const LONGEST_WAIT_MS = 30_000;

/**
 * Opens the page and signs in.
 * @param {Page} page
 * @param {import('./server.mjs').Server} server
 * @param {{ name: string, keep?: boolean, publish?: boolean, secret?: string, via?: string, md5?: boolean }} who `via`: another way to the server; `md5`: as in the original
 */
export async function signIn(page, server, { name, keep = false, publish = true, secret = `a long secret of ${name}`, via, md5 = false }) {
  await page.goto(server.url);
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('E-mail', { exact: true }).fill(emailOf(name));
  await page.getByLabel('Secret', { exact: true }).fill(secret);
  await page.locator('#publish').setChecked(publish);
  await page.locator('#keep').setChecked(keep);
  if (via || md5) await page.locator('summary', { hasText: 'Advanced' }).click();
  if (via) await page.locator('#server').fill(via);
  if (md5) await page.locator('#as-original').check();
  await page.getByRole('button', { name: 'Sign in' }).click();
  // Enrolling takes a module and a disk: where a slow machine misses the server's time for it, it is tried again.
  await reconnected(page);
}

/** @param {string} name */
export const emailOf = (name) => `${name.toLowerCase().replace(/\W+/gu, '.')}@example.org`;

/** Waits until the page says that it is connected. @param {Page} page */
export const connected = (page) => page.locator('.me-state', { hasText: /^Connected$/u }).waitFor({ state: 'attached' });

/**
 * Waits until a page that had no connection has one again. The longer it had none, the longer its client waits before it
 * tries again, and on a slow machine that may be as long as it ever does.
 * @param {Page} page
 */
export const reconnected = (page) => page.locator('.me-state', { hasText: /^Connected$/u }).waitFor({ state: 'attached', timeout: LONGEST_WAIT_MS + TIMEOUT_MS });

/** @param {Page} page */
export const credentialOf = async (page) => (await page.locator('#own-credential code').textContent()) ?? '';

/** Opens the conversation with somebody who is listed. @param {Page} page @param {string} name */
export async function openWith(page, name) {
  // A search asks the server at once; the list by itself does so every few seconds.
  await page.locator('#search').fill(name);
  await page.locator('#people .row', { hasText: name }).click();
  await page.locator('#talk-title', { hasText: name }).waitFor();
  await page.locator('#search').evaluate((search) => {
    search.value = '';
    search.dispatchEvent(new Event('input'));
  });
}

/** Opens a conversation there is. @param {Page} page @param {string} title */
export async function openConversation(page, title) {
  await page.locator('#conversations .row', { hasText: title }).first().click();
  await page.locator('#talk-open').waitFor();
}

/** @param {Page} page @param {string} text */
export async function say(page, text) {
  await page.locator('#text').fill(text);
  await page.locator('#text').press('Enter');
}

/** Chooses several people in the dialog. @param {Page} page @param {string[]} names */
export async function startWith(page, names) {
  await page.getByRole('button', { name: 'New conversation' }).first().click();
  for (const name of names) {
    await page.locator('#start-filter').fill(name);
    await page.locator('#start-people .row', { hasText: name }).click();
  }
  await page.locator('#start-go').click();
  await page.locator('#talk-open').waitFor();
}

/** Waits until the line above the composer says that. @param {Page} page @param {string} text */
export const sealing = (page, text) => page.locator('#composer-sealing', { hasText: text }).waitFor();

/** The bubble with that text. @param {Page} page @param {string} text */
export const bubble = (page, text) => page.locator('.entry', { has: page.locator('.bubble', { hasText: text }) });

/** Waits until a message of ours has that state. @param {Page} page @param {string} text @param {string} status */
export const status = (page, text, status) => page.locator(`.entry[data-status="${status}"]`, { hasText: text }).waitFor();
