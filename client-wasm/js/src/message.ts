/** What somebody says to somebody. */

import { invalid } from './error.ts';
import { Fields, enumerable } from './fields.ts';
import { recipients, spell, string } from './spell.ts';
import { wasm } from './wasm.ts';

/** A message as a plain object, as it stands on the wire. */
export interface MessageValue<Content = unknown> {
  checksum: string;
  to: string[];
  from: string;
  subject: string;
  timestamp: number;
  content: Content;
}

/** A message. Its checksum is computed when it is read, so it fits content that was changed in place as well. */
export class Message<Content = any> extends Fields<MessageValue<Content>> {
  #to: string[] = [];
  #from = '';
  #subject = '';
  #timestamp = Date.now();
  #content: Content = {} as Content;

  /** A message with these fields; those that are missing are empty, and the timestamp is now. */
  constructor(value: Partial<Omit<MessageValue<Content>, 'to'>> & { to?: string | string[] } = {}) {
    super();
    if (value.to !== undefined) this.to = value.to;
    if (value.from !== undefined) this.from = value.from;
    if (value.subject !== undefined) this.subject = value.subject;
    if (value.timestamp !== undefined) this.timestamp = value.timestamp;
    if (value.content !== undefined) this.content = value.content;
  }

  /** The message that a JSON text spells: one that the session read and checked. */
  static received(text: string): Message {
    const { to, from, subject, timestamp, content } = JSON.parse(text) as MessageValue;
    const message = new Message();
    message.#to = Array.isArray(to) ? to : [to];
    message.#from = from;
    message.#subject = subject;
    message.#timestamp = timestamp;
    message.#content = content;
    return message;
  }

  /** The integrity check: 32 hex digits, computed from the other fields. */
  get checksum(): string {
    return wasm().messageChecksum(
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

  /** Any JSON value. */
  get content(): Content {
    return this.#content;
  }
  set content(content: Content) {
    spell(content);
    this.#content = content;
  }

  override value(): MessageValue<Content> {
    const { checksum, to, from, subject, timestamp, content } = this;
    return { checksum, to, from, subject, timestamp, content };
  }
}

enumerable(Message.prototype, 'checksum', 'to', 'from', 'subject', 'timestamp', 'content');
