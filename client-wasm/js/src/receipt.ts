/** What became of a message. */

import type { MsrError } from './error.ts';

/** `sent`: written to the socket of a version 1 server, nothing more is known. `error`: not sent. */
export type Status = 'sent' | 'error';

/** What became of a message on its way to one recipient. */
export interface RecipientStatus {
  to: string;
  status: Status;
  /** With `error`: the number of the error. */
  code?: number;
  /** With `error`: what it says to a person. */
  reason?: string;
}

/** What became of a message. */
export interface Receipt {
  /** The message's id: the one given to `send`, or one made there. */
  id: string;
  /** When it was sent, in ms since 1970 by the server's clock; when it was refused, by this one's. */
  timestamp: number;
  recipients: RecipientStatus[];
  /** The receipt, once no status can change any more. */
  settled: Promise<Receipt>;
}

/** Options of `send`. */
export interface SendOptions {
  /** Gives up when it could not be sent within so many ms; 7 days unless said. */
  expireAfter?: number;
  /** Never waits: sent now, or refused. */
  realtime?: boolean;
  /** The id of the receipt; a random one unless said. */
  id?: string;
  /** Takes the message back, if there is still time. */
  signal?: AbortSignal;
}

/** A receipt of a message that was written, or refused with `error`. */
export function receiptOf(id: string, timestamp: number, to: string[], error?: MsrError): Receipt {
  const status: Omit<RecipientStatus, 'to'> = error ? { status: 'error', code: error.code, reason: error.reason } : { status: 'sent' };
  const receipt = { id, timestamp, recipients: to.map((to) => ({ to, ...status })) } as Receipt;
  // Not enumerable: a receipt prints and clones as what it says.
  return Object.defineProperty(receipt, 'settled', { value: Promise.resolve(receipt) });
}

/** A random id, in a page without TLS as well, where `crypto.randomUUID` is missing. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
