/** How good a secret is, and a better one. An estimate to warn by, not a proof. */

const COMMON = /^(?:pass(?:word|wort)?|secret|qwerty|qwertz|letmein|welcome|admin|iloveyou|dragon|monkey|test|abc)[\d\W]*$/iu;
const LEVELS = [
  { bits: 0, says: 'Four or more unrelated words make a good one.' },
  { bits: 1, says: 'Weak: guessed within moments by whoever sees its hash.' },
  { bits: 36, says: 'Fair: keeps out the curious, not the determined.' },
  { bits: 56, says: 'Good: guessing it takes years.' },
  { bits: 76, says: 'Strong: not worth guessing.' },
];

/** @param {string} secret */
function bits(secret) {
  if (secret === '') return 0;
  if (COMMON.test(secret)) return 8;
  const words = secret.split(/[\s\-_.,]+/u).filter((word) => word.length > 2);
  const distinct = new Set(secret.toLowerCase()).size;
  const alphabet = [/[a-z]/u, /[A-Z]/u, /\d/u, /[^\da-zA-Z]/u].reduce((sum, kind, at) => sum + (kind.test(secret) ? [26, 26, 10, 30][at] : 0), 0);
  // Letters in words are far from random, and what repeats adds little.
  const perLetter = Math.log2(alphabet) * (words.length > 2 ? 0.6 : 0.75);
  return Math.max(1, Math.min(secret.length, distinct * 2.2) * perLetter);
}

/**
 * @param {string} secret
 * @returns {{ level: number, says: string }} level 0 (none) to 4
 */
export function strength(secret) {
  const amount = bits(secret);
  const level = LEVELS.findLastIndex((step) => amount >= step.bits);
  return { level, says: LEVELS[level].says };
}

/** Sixteen pronounceable syllables in fours, 16 × log2(17 × 5) = 102 bits. */
export function suggestion() {
  const consonants = 'bdfghjklmnprstvwz';
  const vowels = 'aeiou';
  // 170 is the largest multiple of 85 a byte holds: what is above is drawn again, so that all syllables are as likely.
  const syllable = () => {
    for (;;) {
      const [byte] = crypto.getRandomValues(new Uint8Array(1));
      if (byte < 170) return consonants[Math.floor((byte % 85) / 5)] + vowels[byte % 5];
    }
  };
  const word = () => Array.from({ length: 4 }, syllable).join('');
  return Array.from({ length: 4 }, word).join('-');
}
