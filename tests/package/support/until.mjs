// Waiting for a condition, with a bound.

import { setTimeout as sleep } from 'node:timers/promises';

/** What `condition` gives, as soon as it is truthy; fails after `boundMs`. */
export async function until(what, condition, boundMs = 20_000) {
  const deadline = performance.now() + boundMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`in vain waited until ${what}`);
    await sleep(10);
  }
}
