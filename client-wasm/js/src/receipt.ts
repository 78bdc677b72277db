/** What became of a message. */

import { deferred } from './deferred.ts';
import type { MsrError } from './error.ts';

/**
 * How far a message got with one recipient. `queued`: on the server's disk, for every device that does not have it yet.
 * `receiving`: a device has some of its bytes. `delivered`: a device has handled it. `expired`, `error`: it will not be.
 * `sent`: written to the socket; with a version 1 server, and realtime, nothing more will be known.
 */
export type Status = 'sent' | 'queued' | 'receiving' | 'delivered' | 'expired' | 'error';

/** What became of a message on its way to one recipient. */
export interface RecipientStatus {
  to: string;
  status: Status;
  /** With `receiving`: how many bytes the device has that has most. */
  bytes?: number;
  /** With `expired` and `error`: the number of the error. */
  code?: number;
  /** With `expired` and `error`: what it says to a person. */
  reason?: string;
}

/** What became of a message. The one that `send` gives changes as it goes on. */
export interface Receipt {
  /** The message's id: the one given to `send`, or one made there. */
  id: string;
  /** When it was accepted or sent, in ms since 1970 by the server's clock; when it was refused, by this one's. */
  timestamp: number;
  recipients: RecipientStatus[];
  /** Whether it was encrypted end to end, for every recipient. */
  encrypted: boolean;
  /** The receipt, once no status can change any more. */
  settled: Promise<Receipt>;
}

/** A receipt as it was when it changed. */
export interface ReceiptChange extends Receipt {
  /** The recipients whose status is new. */
  changed: RecipientStatus[];
}

/** Options of `send`. */
export interface SendOptions {
  /** Gives up when it could not be delivered within so many ms (version 1: sent); 7 days unless said. */
  expireAfter?: number;
  /** Never waits, on any side: sent now, or refused; and reaches who is connected. */
  realtime?: boolean;
  /** The id of the receipt. What is sent again with the same id stays one message. */
  id?: string;
  /**
   * `'auto'` unless said: encrypted for whoever has keys, as it is for whoever never showed any, where that is allowed.
   * `'required'`: encrypted, or refused. `'off'`: as it is.
   */
  encrypt?: 'auto' | 'required' | 'off';
  /** With `'auto'`: whether it may go as it is to peers of whom no keys were ever seen; `client.allowPlain` unless said. */
  allowPlain?: boolean;
  /** Takes the message back, if there is still time. */
  signal?: AbortSignal;
}

/** Options of `request`. */
export interface RequestOptions extends Pick<SendOptions, 'encrypt' | 'allowPlain' | 'signal'> {
  /** Gives up when no answer came within so many ms; 30 seconds unless said. */
  timeout?: number;
}

/** A receipt that goes on changing, with what settles it. */
export interface OpenReceipt {
  receipt: Receipt;
  settle(): void;
}

/** A receipt of a message of which no more will be known: sent, or refused with `error`. */
export function receiptOf(id: string, timestamp: number, to: string[], encrypted: boolean, error?: MsrError): Receipt {
  const status: Omit<RecipientStatus, 'to'> = error ? { status: 'error', code: error.code, reason: error.reason } : { status: 'sent' };
  const { receipt, settle } = openReceipt(id, timestamp, to.map((to) => ({ to, ...status })), encrypted);
  settle();
  return receipt;
}

/** A receipt of a message that the server has. */
export function openReceipt(id: string, timestamp: number, recipients: RecipientStatus[], encrypted = false): OpenReceipt {
  const settled = deferred<Receipt>();
  const receipt = withSettled({ id, timestamp, recipients, encrypted }, settled.promise);
  return { receipt, settle: () => settled.resolve(receipt) };
}

/** The receipt as it is now. */
export function changeOf({ id, timestamp, recipients, encrypted, settled }: Receipt, changed: RecipientStatus[]): ReceiptChange {
  const copies = recipients.map((recipient) => ({ ...recipient }));
  const isChanged = (_: unknown, place: number) => changed.includes(recipients[place] as RecipientStatus);
  return withSettled({ id, timestamp, recipients: copies, encrypted, changed: copies.filter(isChanged) }, settled);
}

/** Whether no status can change any more. */
export function isSettled({ recipients }: Receipt): boolean {
  return recipients.every(({ status }) => status !== 'queued' && status !== 'receiving');
}

/** A random id, in a page without TLS as well, where `crypto.randomUUID` is missing. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** `settled` is not enumerable: a receipt prints and clones as what it says. */
function withSettled<T extends object>(receipt: T, settled: Promise<Receipt>): T & { settled: Promise<Receipt> } {
  return Object.defineProperty(receipt, 'settled', { value: settled }) as T & { settled: Promise<Receipt> };
}
