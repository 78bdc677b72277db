/** What the modules for keys throw says its number first. */

import * as CODE from '../code.ts';
import { MsrError } from '../error.ts';

/** The error of such a text, about that peer. */
export function errorOfText(text: string, cause?: unknown, credential?: string): MsrError {
  const [, code, reason] = /^(\d{3}) (.*)$/.exec(text) ?? [];
  return new MsrError(Number(code ?? CODE.NO_DEVICE_KEYS), reason ?? text, false, { cause, credential });
}

/** What was thrown, as text. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
