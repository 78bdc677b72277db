/** Questions of others, for as long as they can be answered here: the package answers the message itself. */

import { ASK, open } from './envelope.js';
import { inWords } from './errors.js';

/** @typedef {import('./conversations.js').Conversation} Conversation */
/** @typedef {import('./envelope.js').Entry} Entry */

export class Questions {
  #session;
  #conversations;
  /** @type {Map<string, import('/pkg/index.js').Message>} */
  #messages = new Map();

  /**
   * @param {import('./session.js').Session} session
   * @param {import('./conversations.js').Conversations} conversations
   */
  constructor(session, conversations) {
    this.#session = session;
    this.#conversations = conversations;
    session.on('signedout', () => this.#messages.clear());
  }

  /** A message came, and is about to be shown. @param {import('/pkg/index.js').Message} message */
  came(message) {
    if (message.subject !== ASK) return;
    const { entry } = open(message);
    if (entry.question && message.wantsReply) this.#messages.set(keyOf(entry), message);
  }

  /** @param {Entry} entry */
  canAnswer(entry) {
    return this.#messages.has(keyOf(entry));
  }

  /**
   * @param {Conversation} conversation
   * @param {Entry} entry
   * @param {string} answer
   */
  async answer(conversation, entry, answer) {
    const key = keyOf(entry);
    const message = this.#messages.get(key);
    if (!message) return;
    this.#messages.delete(key);
    this.#conversations.update(conversation, entry, { answer });
    try {
      // The answer tells no more than the question: where that came unencrypted, it may go so.
      await message.reply({ id: entry.id, answer, name: this.#session.identity?.name ?? '' }, { allowPlain: !message.encrypted });
    } catch (error) {
      this.#messages.set(key, message);
      this.#conversations.update(conversation, entry, { answer: undefined, reason: inWords(error) });
    }
  }
}

/** @param {Entry} entry */
const keyOf = ({ from, id }) => `${from} ${id}`;
