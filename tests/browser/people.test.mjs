/** Who is here, and finding one among many. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signIn } from './harness/app.mjs';
import { setUp } from './harness/setup.mjs';

const stage = setUp();

test('people come, are found by a part of their name or e-mail, and go', async () => {
  const [ada, bo, hidden] = await Promise.all([stage.page(), stage.page(), stage.page()]);
  await Promise.all([
    signIn(ada, stage.server, { name: 'Ada Lindqvist' }),
    signIn(bo, stage.server, { name: 'Bo Andersson' }),
    signIn(hidden, stage.server, { name: 'Hidden Person', publish: false }),
  ]);
  const people = ada.locator('#people .row-title');
  await people.filter({ hasText: 'Bo Andersson' }).waitFor();
  assert.deepEqual(await people.allTextContents(), ['Bo Andersson']);

  await ada.locator('#search').fill('nobody at all');
  await ada.getByText('Nobody who is here fits.').waitFor();
  await ada.locator('#search').fill('ANDERSSON@EXAMPLE');
  await people.filter({ hasText: 'Bo Andersson' }).waitFor();
  // A keyword is text, never a pattern.
  await ada.locator('#search').fill('.*');
  await ada.getByText('Nobody who is here fits.').waitFor();
  await ada.locator('#search').fill('');
  await people.filter({ hasText: 'Bo Andersson' }).waitFor();

  await bo.locator('#sign-out').click();
  await people.filter({ hasText: 'Bo Andersson' }).waitFor({ state: 'detached' });
  assert.deepEqual(ada.troubles, []);
});
