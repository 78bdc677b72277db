/** Messages of the page on their way: the promises that wait for them, and their receipts as they change. */

import type { Acceptance, Failure, ReceiptNews } from 'msgsrouter-wasm';
import { deferred, type Deferred } from './deferred.ts';
import { errorOf } from './failure.ts';
import type { Message } from './message.ts';
import { changeOf, isSettled, openReceipt, randomId, receiptOf, type OpenReceipt, type Receipt, type ReceiptChange, type RecipientStatus } from './receipt.ts';

/** Of how many messages that the server has receipts are kept up to date; those of the oldest stay as they are. */
const OPEN_RECEIPTS = 10_000;

/** A message that was handed to the session. */
interface Sending extends Deferred<Receipt> {
  id: string | undefined;
  to: string[];
  /** Made when something is heard of it before it is accepted. */
  open?: OpenReceipt;
}

/** The messages of one client. */
export class Sendings {
  #tell: (change: ReceiptChange) => void;
  /** By ticket. */
  #sending = new Map<number, Sending>();
  #requests = new Map<number, Deferred<Message>>();
  /** By the name that the session has for the message. */
  #open = new Map<string, OpenReceipt[]>();
  /** Whether the server took a message at all. */
  hasSent = false;

  constructor(tell: (change: ReceiptChange) => void) {
    this.#tell = tell;
  }

  /** Whether nobody waits. */
  get isEmpty(): boolean {
    return this.#sending.size === 0 && this.#requests.size === 0;
  }

  /** Whether every recipient has, or will never have, what was sent; those whose receipts are not kept any more are taken to have it. */
  get isSettled(): boolean {
    return this.isEmpty && this.#open.size === 0;
  }

  /** A message that was handed to the session. */
  add(ticket: number, id: string | undefined, to: string[]): Promise<Receipt> {
    const sending = { ...deferred<Receipt>(), id, to };
    this.#sending.set(ticket, sending);
    return sending.promise;
  }

  /** A request that was handed to the session, beside its message. */
  addRequest(ticket: number): Promise<Message> {
    const request = deferred<Message>();
    this.#requests.set(ticket, request);
    return request.promise;
  }

  /** A message of an earlier run goes on. */
  restored(ticket: number, id: string | undefined): void {
    this.add(ticket, id, []).catch(() => {});
  }

  sent(ticket: number, timestamp: number, encrypted: boolean): void {
    const sending = take(this.#sending, ticket);
    if (!sending) return;
    const receipt = receiptOf(sending.id ?? randomId(), timestamp, sending.to, encrypted);
    sending.resolve(receipt);
    this.#tell(changeOf(receipt, receipt.recipients));
  }

  notSent(ticket: number, failure: Failure): void {
    const sending = take(this.#sending, ticket);
    const error = errorOf(failure, sending?.to);
    take(this.#requests, ticket)?.reject(error);
    if (!sending) return;
    sending.reject(error);
    const receipt = receiptOf(sending.id ?? randomId(), Date.now(), sending.to, false, error);
    this.#tell(changeOf(receipt, receipt.recipients));
  }

  accepted(ticket: number, { id: name, timestamp, recipients, encrypted }: Acceptance): void {
    const sending = take(this.#sending, ticket);
    if (!sending) return;
    this.hasSent = true;
    const early = sending.open?.receipt.recipients ?? [];
    const open = sending.open ?? openReceipt(sending.id ?? name, timestamp, []);
    Object.assign(open.receipt, { timestamp, recipients, encrypted });
    this.#open.set(name, [...(this.#open.get(name) ?? []), open]);
    this.#settle(name, open);
    this.#forgetTheOldest();
    sending.resolve(open.receipt);
    const isNew = ({ to, status }: RecipientStatus) => !early.some((known) => known.to === to && known.status === status);
    this.#tell(changeOf(open.receipt, recipients.filter(isNew)));
  }

  /** News of a message; the first may come before it is accepted. */
  news({ ticket, id: name, timestamp, recipient }: ReceiptNews): void {
    const sending = this.#sending.get(ticket ?? Number.NaN);
    if (sending) {
      const others = sending.to.map((to): RecipientStatus => ({ to, status: 'sent' }));
      sending.open ??= openReceipt(sending.id ?? name, timestamp ?? Date.now(), others.length > 0 ? others : [{ ...recipient }]);
      return this.#update(sending.open, recipient);
    }
    const open = this.#open.get(name);
    if (!open) {
      const { receipt } = openReceipt(name, timestamp ?? Date.now(), [recipient]);
      return this.#tell(changeOf(receipt, receipt.recipients));
    }
    for (const each of open) {
      this.#update(each, recipient);
      this.#settle(name, each);
    }
  }

  replied(ticket: number, message: Message): void {
    take(this.#requests, ticket)?.resolve(message);
  }

  notReplied(ticket: number, failure: Failure): void {
    take(this.#requests, ticket)?.reject(errorOf(failure));
    // One that was never sent is not either.
    take(this.#sending, ticket)?.reject(errorOf(failure));
  }

  #update({ receipt }: OpenReceipt, news: RecipientStatus): void {
    const known = receipt.recipients.find(({ to }) => to === news.to);
    if (!known || (known.status === news.status && known.bytes === news.bytes)) return;
    delete known.bytes;
    Object.assign(known, news);
    this.#tell(changeOf(receipt, [known]));
  }

  #settle(name: string, open: OpenReceipt): void {
    if (!isSettled(open.receipt)) return;
    open.settle();
    const others = this.#open.get(name)?.filter((other) => other !== open) ?? [];
    if (others.length > 0) this.#open.set(name, others);
    else this.#open.delete(name);
  }

  #forgetTheOldest(): void {
    for (const name of this.#open.keys()) {
      if (this.#open.size <= OPEN_RECEIPTS) return;
      this.#open.delete(name);
    }
  }
}

/** Takes an entry out. */
export function take<T>(map: Map<number, T>, ticket: number): T | undefined {
  const value = map.get(ticket);
  map.delete(ticket);
  return value;
}
