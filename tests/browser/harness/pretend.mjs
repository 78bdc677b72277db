/** Pages with a pretended package: what they show of states that a true server does not come to. */

import { readFile } from 'node:fs/promises';
import { signIn } from './app.mjs';

const PACKAGE = new URL('./pretended-package.js', import.meta.url);

export const BO = 'b0'.repeat(16);
export const CHIARA = 'c0'.repeat(16);

/** The package of this page is the pretended one. @param {import('playwright-core').Page} page */
export async function pretend(page) {
  const body = await readFile(PACKAGE, 'utf8');
  await page.route('**/pkg/index.js', (route) => route.fulfill({ body, contentType: 'text/javascript' }));
}

/**
 * Signs in there; Bo has keys and two devices, Chiara has none.
 * @param {import('playwright-core').Page} page
 * @param {import('./server.mjs').Server} server
 */
export async function signInPretending(page, server) {
  await pretend(page);
  await page.addInitScript(([bo, chiara]) => {
    addEventListener('DOMContentLoaded', async () => {
      await import('/pkg/index.js');
      pretend.peers = [{ credential: bo, name: 'Bo <i>', email: 'bo@example.org' }, { credential: chiara, name: 'Chiara', email: 'chiara@example.org' }];
      pretend.devices[bo] = [pretend.device('b1', 40), pretend.device('b2', 3)];
      pretend.devices['a0'.repeat(16)] = [pretend.device('01', 9)];
    });
  }, [BO, CHIARA]);
  await signIn(page, server, { name: 'Ada' });
}

/** Tells the page something, as the client would. @param {import('playwright-core').Page} page @param {string} type @param {unknown} detail */
export const tell = (page, type, detail) => page.evaluate(([type, detail]) => pretend.tell(type, detail), [type, detail]);

/** What the page asked of the package. @param {import('playwright-core').Page} page */
export const calls = (page) => page.evaluate(() => pretend.calls.filter(([name]) => name !== 'identify'));
