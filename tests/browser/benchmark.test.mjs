/** The page that measures what keys and encryption cost. Its figures are printed, and only asked to be there. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setUp } from './harness/setup.mjs';

const stage = setUp();
/** Slow machines are measured too. */
const LONGEST_MS = 240_000;

test('the benchmark runs to its end and says what it found', async (t) => {
  const page = await stage.page();
  await page.goto(stage.server.url);
  await page.getByRole('link', { name: 'Benchmark' }).click();
  await page.getByRole('button', { name: 'Run it' }).click();
  await page.locator('main:is([data-state="done"], [data-state="failed"])').waitFor({ timeout: LONGEST_MS });
  assert.equal(await page.locator('#problem').textContent(), '');
  const figures = JSON.parse((await page.locator('#figures').textContent()) ?? '');
  for (const line of JSON.stringify(figures, null, 1).split('\n')) t.diagnostic(line);
  const numbers = [figures.times, figures.encrypted, figures.plain, ...figures.loads].flatMap((part) => Object.values(part)).filter((value) => typeof value === 'number');
  assert.equal(numbers.length, 10 + 2 * 4 + 2 * 7);
  assert.ok(numbers.every((number) => number > 0), JSON.stringify(figures));
  assert.equal(await page.locator('tbody tr').count(), 10 + 4 + 7);
  assert.deepEqual(page.troubles, []);
});
