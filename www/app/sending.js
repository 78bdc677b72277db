/** A message on its way: waiting, then sent, or failed with a reason and another try. */

import { seal, SUBJECT } from './envelope.js';
import { inWords } from './errors.js';

/** @typedef {import('./conversations.js').Conversation} Conversation */
/** @typedef {import('./envelope.js').Entry} Entry */

/** 128 random bits; `crypto.randomUUID` is missing on pages without TLS. */
const randomId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

export class Sending {
  #session;
  #conversations;

  /**
   * @param {import('./session.js').Session} session
   * @param {import('./conversations.js').Conversations} conversations
   */
  constructor(session, conversations) {
    this.#session = session;
    this.#conversations = conversations;
  }

  /**
   * @param {Conversation} conversation
   * @param {string} text
   */
  send(conversation, text) {
    const session = this.#session;
    /** @type {Entry} */
    const entry = { id: randomId(), from: session.credential, at: session.now(), status: 'waiting', text };
    this.#conversations.add(conversation, entry);
    void this.#deliver(conversation, entry);
  }

  /**
   * @param {Conversation} conversation
   * @param {Entry} entry
   */
  retry(conversation, entry) {
    this.#conversations.update(conversation, entry, { status: 'waiting', reason: undefined });
    void this.#deliver(conversation, entry);
  }

  /**
   * @param {Conversation} conversation
   * @param {Entry} entry
   */
  async #deliver(conversation, entry) {
    const { credential, identity } = this.#session;
    try {
      const to = conversation.members.length ? conversation.members : [credential];
      const receipt = await this.#session.send(to, SUBJECT, seal(entry, identity?.name ?? ''));
      this.#conversations.update(conversation, entry, { status: 'sent', at: receipt.timestamp });
    } catch (error) {
      this.#conversations.update(conversation, entry, { status: 'failed', reason: inWords(error) });
    }
  }
}
