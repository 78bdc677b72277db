/** The waiting that the other tests rely on. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { launch } from './harness/browser.mjs';
import { untilIn } from './harness/until.mjs';

test('a promise is no yes: what comes of it counts', async () => {
  const browser = await launch();
  try {
    const page = await browser.newPage();
    const ask = async (atLeast) => {
      globalThis.asked = (globalThis.asked ?? 0) + 1;
      await new Promise((resolve) => setTimeout(resolve, 1));
      return globalThis.asked >= atLeast && globalThis.asked;
    };
    assert.equal(await untilIn(page, ask, 3), 3);
  } finally {
    await browser.close();
  }
});
