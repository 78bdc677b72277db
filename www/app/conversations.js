/**
 * Every conversation: who is in it, what was said, what is not read yet, what is half written. A conversation is the
 * set of credentials in it besides our own; nobody in it is a note to self.
 */

import { Emitter } from './emitter.js';
import { open, participants } from './envelope.js';
import { keepFile } from './files.js';
import { CONVERSATIONS, ENTRIES_PER_CONVERSATION } from './limits.js';

/** @typedef {import('./envelope.js').Entry} Entry */
/** `plain`: whether what cannot be encrypted may go as it is, once somebody was asked. @typedef {{ id: string, members: string[], entries: Entry[], unread: number, draft: string, at: number, plain?: boolean }} Conversation */

/**
 * `change`: the list or something in it; `entry`: one was added or changed, `added` says which.
 * @extends {Emitter<{ change: undefined, entry: { conversation: Conversation, entry: Entry, added: boolean } }>}
 */
export class Conversations extends Emitter {
  self = '';
  /** The id of the one being looked at, if any: its messages are read as they come. @type {string | undefined} */
  watched;
  /** @type {Map<string, Conversation>} */
  #all = new Map();

  /**
   * Starts over as somebody, with what was kept.
   * @param {string} self
   * @param {Conversation[]} kept
   */
  reset(self, kept = []) {
    this.self = self;
    this.watched = undefined;
    this.#all = new Map(kept.map((conversation) => [conversation.id, conversation]));
    this.emit('change', undefined);
  }

  /** The latest first. */
  list() {
    return [...this.#all.values()].sort((a, b) => b.at - a.at);
  }

  /** @param {string} id */
  get(id) {
    return this.#all.get(id);
  }

  /** What waits on this device, the oldest first. */
  waiting() {
    const all = this.list().flatMap((conversation) => conversation.entries.map((entry) => ({ conversation, entry })));
    return all.filter(({ entry }) => entry.status === 'waiting').sort((a, b) => a.entry.at - b.entry.at);
  }

  /** How many messages are not read yet, in all. */
  unread() {
    return this.list().reduce((sum, { unread }) => sum + unread, 0);
  }

  /**
   * The conversation with these, made when there is none.
   * @param {string[]} others
   * @param {number} at when it is opened, in server time
   */
  with(others, at) {
    const members = [...new Set(others)].filter((credential) => credential !== this.self).sort();
    const id = members.join('+') || 'self';
    const known = this.#all.get(id);
    if (known) return known;
    /** @type {Conversation} */
    const conversation = { id, members, entries: [], unread: 0, draft: '', at };
    this.#all.set(id, conversation);
    this.#forgetOldest(id);
    this.emit('change', undefined);
    return conversation;
  }

  /**
   * Takes in a message that arrived. Nothing when it is there already.
   * @param {import('./envelope.js').Incoming} message
   * @returns {{ conversation: Conversation, entry: Entry, name?: string } | undefined}
   */
  receive(message) {
    const { entry, name, file, answers } = open(message);
    if (answers) return void this.#answered(entry);
    const conversation = this.with(participants(message, this.self), entry.at);
    if (conversation.entries.some(({ id, from }) => id === entry.id && from === entry.from)) return undefined;
    if (entry.from === this.self) entry.status = 'copied';
    else if (this.watched !== conversation.id) conversation.unread += 1;
    if (file) keepFile(entry, file);
    this.add(conversation, entry);
    return { conversation, entry, name };
  }

  /** An answer that nobody waited for: to a question of an earlier run, or given on another device. @param {Entry} answer */
  #answered({ id, from, answer }) {
    for (const conversation of this.list()) {
      const entry = conversation.entries.find((entry) => entry.question && entry.id === id);
      if (!entry) continue;
      if (entry.from === this.self) this.update(conversation, entry, { status: 'answered', answer });
      else if (from === this.self) this.update(conversation, entry, { answer });
    }
  }

  /**
   * @param {Conversation} conversation
   * @param {Entry} entry
   */
  add(conversation, entry) {
    conversation.entries.push(entry);
    if (conversation.entries.length > ENTRIES_PER_CONVERSATION) conversation.entries.shift();
    conversation.at = Math.max(conversation.at, entry.at);
    this.emit('entry', { conversation, entry, added: true });
    this.emit('change', undefined);
  }

  /**
   * @param {Conversation} conversation
   * @param {Entry} entry
   * @param {Partial<Entry>} change
   */
  update(conversation, entry, change) {
    Object.assign(entry, change);
    this.emit('entry', { conversation, entry, added: false });
    this.emit('change', undefined);
  }

  /** What is looked at now, and so read. @param {string | undefined} id */
  watch(id) {
    this.watched = id;
    const conversation = id === undefined ? undefined : this.#all.get(id);
    if (!conversation?.unread) return;
    conversation.unread = 0;
    this.emit('change', undefined);
  }

  /**
   * @param {Conversation} conversation
   * @param {string} draft
   */
  setDraft(conversation, draft) {
    if (conversation.draft === draft) return;
    conversation.draft = draft;
    this.emit('change', undefined);
  }

  /**
   * Whether what cannot be encrypted may go as it is.
   * @param {Conversation} conversation
   * @param {boolean} plain
   */
  setPlain(conversation, plain) {
    conversation.plain = plain;
    this.emit('change', undefined);
  }

  /** @param {string} id */
  forget(id) {
    if (this.#all.delete(id)) this.emit('change', undefined);
  }

  /** @param {string} spared */
  #forgetOldest(spared) {
    if (this.#all.size <= CONVERSATIONS) return;
    const oldest = this.list().findLast(({ id }) => id !== spared && id !== this.watched);
    if (oldest) this.#all.delete(oldest.id);
  }
}
