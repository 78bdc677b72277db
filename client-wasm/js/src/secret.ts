/** From the secret a person types to what stands on the wire. */

import { invalid } from './error.ts';
import { string } from './spell.ts';
import { wasm } from './wasm.ts';

const ON_THE_WIRE = /^[0-9a-f]{32}$/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** A plain secret that can be hashed: one with a lone surrogate has no UTF-8. */
export function plainSecret(plain: unknown): string {
  if (LONE_SURROGATE.test(string('secret', plain))) throw invalid('secret must be well-formed text: it has a lone surrogate');
  return plain as string;
}

/** 32 hex digits, the MD5 of the plain secret in UTF-8. */
export function hashSecret(plain: unknown): string {
  return wasm().hashSecret(plainSecret(plain));
}

/** A secret that is on the wire already. */
export function wireSecret(secret: unknown): string {
  if (!ON_THE_WIRE.test(string('secret', secret))) throw invalid('secret must be 32 hex digits here');
  return secret as string;
}
