/** What every rejection and every `error` event of the package carries. */

/** The codes that the package gives by itself; the others come from the session or from a server. */
export const CODE = {
  NOT_INITIALISED: 450,
  INVALID_ARGUMENT: 451,
  ABORTED: 452,
  CLOSED: 453,
  HANDLER_FAILED: 454,
  DAMAGED: 455,
  MEMORY_ONLY: 456,
  NOT_IDENTIFIED: 457,
  NO_KEYS: 459,
  SECRET_REQUIRED: 461,
  LIST_FORGED: 462,
  NO_DEVICE_KEYS: 463,
  SLOW_CONSUMER: 505,
} as const;

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
