/** What every rejection and every `error` event of the package carries. */

import * as CODE from './code.ts';

/** What else there is to an error. */
export interface MsrErrorOptions extends ErrorOptions {
  credential?: string | undefined;
}

/** An error with a stable number: 4xx is final, 5xx may work when tried again. */
export class MsrError extends Error {
  /** The number; docs/PROTOCOL.md lists them. */
  readonly code: number;
  /** What it says to a person. */
  readonly reason: string;
  /** Whether trying again may work. */
  readonly retry: boolean;
  /** Whom it is about, where it is about the keys of one peer (459, 462). */
  readonly credential: string | undefined;

  constructor(code: number, reason: string, retry = false, options?: MsrErrorOptions) {
    super(`${reason} (${code})`, options);
    this.name = code === CODE.ABORTED ? 'AbortError' : 'MsrError';
    this.code = code;
    this.reason = reason;
    this.retry = retry;
    this.credential = options?.credential;
  }
}

/** A setting or an argument that cannot be used. */
export function invalid(reason: string, options?: ErrorOptions): MsrError {
  return new MsrError(CODE.INVALID_ARGUMENT, reason, false, options);
}

/** The caller's own `AbortSignal` says stop. */
export function aborted(signal: AbortSignal): MsrError {
  return new MsrError(CODE.ABORTED, 'Taken back by the caller', false, { cause: signal.reason });
}

/** The client was closed before it came to that. */
export function closed(): MsrError {
  return new MsrError(CODE.CLOSED, 'The client was closed');
}
