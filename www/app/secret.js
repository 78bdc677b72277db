/** How good a secret is, in words. An estimate to warn by, not a proof. */

import { load } from './session.js';

/** By bits of guessing, where each guess is as dear as that of an identity by key. */
const LEVELS = [
  { bits: -Infinity, says: 'Weak: guessed by whoever tries.' },
  { bits: 30, says: 'Fair: keeps out the curious, not the determined.' },
  { bits: 45, says: 'Good: guessing it takes years.' },
  { bits: 70, says: 'Strong: not worth guessing.' },
];

/** How many bits cheaper a guess is for an identity as in the original: an MD5, in place of 64 MiB and a tenth of a second. */
const MD5_BITS = 20;

/**
 * @param {string} secret
 * @param {boolean} md5 whether it is for an identity as in the original
 * @returns {Promise<{ level: number, says: string }>} level 0 (none) to 4
 */
export async function strength(secret, md5) {
  const none = { level: 0, says: 'Four or more unrelated words make a good one.' };
  if (secret === '') return none;
  try {
    const { secretStrength } = await load();
    const bits = (await secretStrength(secret)) - (md5 ? MD5_BITS : 0);
    const level = LEVELS.findLastIndex((step) => bits >= step.bits);
    return { level: level + 1, says: LEVELS[level].says };
  } catch {
    return none;
  }
}

/** One that nobody guesses. */
export async function newSecret() {
  const { Client } = await load();
  return new Client().generateSecret();
}
