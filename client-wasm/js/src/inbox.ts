/** Messages as an async iterator. */

import { deferred, type Deferred } from './deferred.ts';
import type { Delivery } from './delivery.ts';
import * as CODE from './code.ts';
import { MsrError } from './error.ts';
import { DELIVERY, type Message } from './message.ts';

/** How many messages may wait for a loop that takes its time, before it is ended with an error. */
export const WAITING_MESSAGES = 10_000;

/** Which messages a loop wants, and until when. */
export interface MessagesOptions {
  /** Only those with this subject. */
  subject?: string;
  /** Only those from this credential. */
  from?: string;
  /** Ends the loop, as if no more messages came. */
  signal?: AbortSignal;
}

/** What a loop over messages reads from. It takes messages from the moment it is made. */
export class Inbox implements AsyncIterableIterator<Message> {
  #options: MessagesOptions;
  #onEnd: (inbox: Inbox) => void;
  #waiting: { message: Message; delivery: Delivery | undefined }[] = [];
  #readers: Deferred<IteratorResult<Message>>[] = [];
  /** A loop reads, until it says that it does not: for it a message counts as handled only when it was taken. */
  #isRead = false;
  #ended = false;
  #failure: MsrError | undefined;
  #abort = () => this.end();

  constructor(options: MessagesOptions, onEnd: (inbox: Inbox) => void) {
    this.#options = options;
    this.#onEnd = onEnd;
    if (options.signal?.aborted) this.#ended = true;
    else options.signal?.addEventListener('abort', this.#abort, { once: true });
  }

  /** Takes a message, if it is one the loop wants. */
  take(message: Message): void {
    const { subject, from } = this.#options;
    if (this.#ended || (subject ?? message.subject) !== message.subject || (from ?? message.from) !== message.from) return;
    const reader = this.#readers.shift();
    if (reader) return reader.resolve({ value: message, done: false });
    const delivery = this.#isRead ? message[DELIVERY] : undefined;
    delivery?.hold();
    if (this.#waiting.push({ message, delivery }) > WAITING_MESSAGES) this.#overflow();
  }

  /** No more messages: those that wait are still read. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.signal?.removeEventListener('abort', this.#abort);
    for (const reader of this.#readers.splice(0)) reader.resolve({ value: undefined, done: true });
    this.#onEnd(this);
  }

  next(): Promise<IteratorResult<Message>> {
    const waiting = this.#waiting.shift();
    waiting?.delivery?.release();
    if (waiting) return Promise.resolve({ value: waiting.message, done: false });
    if (this.#failure) {
      const failure = this.#failure;
      this.#failure = undefined;
      return Promise.reject(failure);
    }
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    const reader = deferred<IteratorResult<Message>>();
    this.#readers.push(reader);
    return reader.promise;
  }

  return(): Promise<IteratorResult<Message>> {
    for (const { delivery } of this.#waiting.splice(0)) delivery?.release();
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    this.#isRead = true;
    return this;
  }

  #overflow(): void {
    this.#failure = new MsrError(CODE.SLOW_CONSUMER, 'Too much waited to be read', true);
    this.end();
  }
}
