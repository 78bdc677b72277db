/** The hashes of version 1, over JSON as the engine itself spells it. */

import { wasm } from './wasm.ts';

/** Name, email, secret. */
export const PEER = 0;
/** Name, contact, secret. */
export const PEER_B = 1;
/** To, from, subject, timestamp, content. */
export const MESSAGE = 2;
/** The same, signature, sessid. */
export const MESSAGE_B = 3;

/** 32 hex digits: the hash of what has these members, each a JSON text without line breaks. */
export function hashOf(kind: number, ...members: string[]): string {
  return wasm().hash(kind, members.join('\n'));
}
