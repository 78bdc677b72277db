/** What the session says went wrong. */

import type { Failure } from 'msgsrouter-wasm';
import * as CODE from './code.ts';
import { MsrError } from './error.ts';

/** What is about the keys of a peer. */
const ABOUT_KEYS: readonly number[] = [CODE.NO_KEYS, CODE.LIST_FORGED];

/** The error for it, and whom it is about, should that be about the keys of one recipient: the only one, or whom the reason names. */
export function errorOf({ code, reason, retry }: Failure, to: readonly string[] = []): MsrError {
  const credential = ABOUT_KEYS.includes(code) ? to.find((peer) => to.length === 1 || reason.includes(peer)) : undefined;
  return new MsrError(code, reason, retry, { credential });
}
