/** Waiting until something is so. */

import { setTimeout as sleep } from 'node:timers/promises';
import { TIMEOUT_MS } from './browser.mjs';

const POLL_MS = 10;

/**
 * Asks again and again until the answer is a yes, and gives that answer.
 * @template Answer
 * @param {string} what what is waited for, should it not come
 * @param {() => Answer | Promise<Answer>} ask
 * @returns {Promise<Answer>}
 */
export async function until(what, ask) {
  for (const end = performance.now() + TIMEOUT_MS; performance.now() < end; await sleep(POLL_MS)) {
    const answer = await ask();
    if (answer) return answer;
  }
  throw new Error(`waited ${TIMEOUT_MS} ms for ${what}`);
}

/**
 * The same in a page, or a frame. Playwright's `waitForFunction` takes the promise that an asynchronous question gives for
 * a yes, whatever comes of it; and it asks once an animation frame, which a page that nobody sees may not get.
 * @template Argument, Answer
 * @param {import('playwright-core').Page | import('playwright-core').Frame} page
 * @param {(argument: Argument) => Answer | Promise<Answer>} ask
 * @param {Argument} [argument]
 * @returns {Promise<Answer>}
 */
export const untilIn = (page, ask, argument) => until(`${ask}`, () => page.evaluate(ask, argument));
