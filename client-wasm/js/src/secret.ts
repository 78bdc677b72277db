/** From the secret a person types to what stands on the wire. */

import { invalid } from './error.ts';
import { string } from './spell.ts';
import { wasm } from './wasm.ts';

const HASH = /^[0-9a-f]{32}$/;
/** 32 bytes in base64url, whose last digit carries four bits. */
const KEY = /^ed25519:[\w-]{42}[AEIMQUYcgkosw048]$/;
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

/** Whether that is the public key of an account: what stands on the wire for an identity by key. */
export function isAccount(secret: string): boolean {
  return KEY.test(secret);
}

/** A secret that is on the wire already. */
export function wireSecret(secret: unknown): string {
  const text = string('secret', secret);
  if (!HASH.test(text) && !isAccount(text)) throw invalid('secret must be 32 hex digits here, or ed25519: and a key');
  return text;
}
