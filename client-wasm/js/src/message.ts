/** What somebody says to somebody. */

import type { Delivery } from './delivery.ts';
import { invalid } from './error.ts';
import { Fields, enumerable } from './fields.ts';
import { MESSAGE, hashOf } from './hash.ts';
import type { Receipt, SendOptions } from './receipt.ts';
import { isBytes, recipients, spell, string } from './spell.ts';

/** For the package alone. */
export const DELIVERY = Symbol('delivery');

/** A message as a plain object, as it stands on the wire. */
export interface MessageValue<Content = unknown> {
  checksum: string;
  to: string[];
  from: string;
  subject: string;
  timestamp: number;
  content: Content;
}

/** How a message came. */
interface Arrival {
  bytes: Uint8Array | undefined;
  wantsReply: boolean;
  encrypted: boolean;
  delivery: Delivery;
}

/** A message. Its checksum is computed when it is read, so it fits content that was changed in place as well. */
export class Message<Content = any> extends Fields<MessageValue<Content>> {
  #to: string[] = [];
  #from = '';
  #subject = '';
  #timestamp = Date.now();
  #content: Content = {} as Content;
  #wantsReply = false;
  #encrypted = false;
  #delivery: Delivery | undefined;

  /** A message with these fields; those that are missing are empty, and the timestamp is now. */
  constructor(value: Partial<Omit<MessageValue<Content>, 'to'>> & { to?: string | string[] } = {}) {
    super();
    if (value.to !== undefined) this.to = value.to;
    if (value.from !== undefined) this.from = value.from;
    if (value.subject !== undefined) this.subject = value.subject;
    if (value.timestamp !== undefined) this.timestamp = value.timestamp;
    if (value.content !== undefined) this.content = value.content;
  }

  /** The message that a JSON text spells, or that carries `bytes`: one that the session read and checked. */
  static received(text: string, { bytes, wantsReply, encrypted, delivery }: Arrival): Message {
    const { to, from, subject, timestamp, content } = JSON.parse(text) as MessageValue;
    const message = new Message();
    message.#wantsReply = wantsReply;
    message.#encrypted = encrypted;
    message.#delivery = delivery;
    message.#to = Array.isArray(to) ? to : [to];
    message.#from = from;
    message.#subject = subject;
    message.#timestamp = timestamp;
    message.#content = bytes ?? content;
    return message;
  }

  /** The integrity check: 32 hex digits, computed from the other fields; empty for bytes, which version 1 does not have. */
  get checksum(): string {
    if (isBytes(this.#content)) return '';
    return hashOf(
      MESSAGE,
      JSON.stringify(this.#to),
      JSON.stringify(this.#from),
      JSON.stringify(this.#subject),
      JSON.stringify(this.#timestamp),
      spell(this.#content),
    );
  }

  /** The credentials of the recipients. One string counts as an array of one. */
  get to(): string[] {
    return this.#to;
  }
  set to(to: string | string[]) {
    this.#to = recipients(to);
  }

  /** The credential of the sender. */
  get from(): string {
    return this.#from;
  }
  set from(from: string) {
    this.#from = string('from', from);
  }

  /** What it is about. */
  get subject(): string {
    return this.#subject;
  }
  set subject(subject: string) {
    this.#subject = string('subject', subject);
  }

  /** When it was sent, in ms since 1970 by the server's clock. */
  get timestamp(): number {
    return this.#timestamp;
  }
  set timestamp(timestamp: number) {
    if (!Number.isFinite(timestamp)) throw invalid('timestamp must be a finite number');
    this.#timestamp = timestamp;
  }

  /** Any JSON value; a message that came may carry a `Uint8Array`. */
  get content(): Content {
    return this.#content;
  }
  set content(content: Content) {
    spell(content);
    this.#content = content;
  }

  /** Whether the sender waits for an answer: one that came of `request`. */
  get wantsReply(): boolean {
    return this.#wantsReply;
  }

  /** Whether it came encrypted end to end, by a device of its sender. */
  get encrypted(): boolean {
    return this.#encrypted;
  }

  /** Answers a message that came, to its sender, under its subject; who asked by `request` gets it as the answer. */
  async reply(content: unknown, options: SendOptions = {}): Promise<Receipt> {
    if (!this.#delivery) throw invalid('Only a message that came can be answered');
    return this.#delivery.answer(content, options);
  }

  /**
   * Called in a handler: the message is not handled when the handler returns, but when `ack()` is called. Until then the
   * sender's next message waits, and if the page ends first this one comes again. A version 1 server sends nothing again.
   */
  defer(): void {
    this.#delivery?.defer();
  }

  /** Says that a message that was put off by `defer()` is handled. */
  ack(): void {
    this.#delivery?.acknowledge();
  }

  /** What else waits until it is done with it. */
  get [DELIVERY](): Delivery | undefined {
    return this.#delivery;
  }

  override value(): MessageValue<Content> {
    const { checksum, to, from, subject, timestamp, content } = this;
    return { checksum, to, from, subject, timestamp, content };
  }
}

enumerable(Message.prototype, 'checksum', 'to', 'from', 'subject', 'timestamp', 'content');
