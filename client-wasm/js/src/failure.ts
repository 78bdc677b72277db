/** What the session says went wrong. */

import type { Failure } from 'msgsrouter-wasm';
import { MsrError } from './error.ts';

/** The error for it. */
export function errorOf({ code, reason, retry }: Failure): MsrError {
  return new MsrError(code, reason, retry);
}
