/**
 * A message on its way: it waits on this device, then on the server, until it is with its receivers, or cannot be. The
 * id of an entry is the id of its message for the package too: what is sent again under it stays one message.
 */

import { ASK, FILE, seal, sealFile, SUBJECT } from './envelope.js';
import { inWords } from './errors.js';
import { fileOf, keepFile } from './files.js';
import { ANSWER_MS, FILE_BYTES } from './limits.js';
import { isOpen, statusOf } from './receipts.js';

/** @typedef {import('./conversations.js').Conversation} Conversation */
/** @typedef {import('./envelope.js').Entry} Entry */
/** @typedef {{ keepMs?: number, ask?: boolean }} How */

const OUTBOX_FULL = 550;
const TOO_LARGE = 413;

/** 128 random bits; `crypto.randomUUID` is missing on pages without TLS. */
const randomId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

export class Sending {
  #session;
  #conversations;
  /** What a receipt may still come for, by id. @type {Map<string, { conversation: Conversation, entry: Entry }>} */
  #open = new Map();
  /** What takes a message of this run back, by id. @type {Map<string, AbortController>} */
  #cancels = new Map();
  /** Told when the outbox took no more. @type {() => void} */
  onfull = () => {};

  /**
   * @param {import('./session.js').Session} session
   * @param {import('./conversations.js').Conversations} conversations
   */
  constructor(session, conversations) {
    this.#session = session;
    this.#conversations = conversations;
    session.on('receipt', ({ id, recipients }) => this.#heard(id, recipients));
    session.on('signedout', () => {
      this.#open.clear();
      this.#cancels.clear();
    });
  }

  /**
   * @param {Conversation} conversation
   * @param {string} text
   * @param {How} how
   */
  send(conversation, text, { keepMs, ask }) {
    const entry = this.#add(conversation, { text, keepMs, question: ask || undefined, status: ask ? 'asked' : 'waiting' });
    void (ask ? this.#ask(conversation, entry) : this.#deliver(conversation, entry));
  }

  /**
   * @param {Conversation} conversation
   * @param {File} file
   * @param {How} how
   */
  async sendFile(conversation, file, { keepMs }) {
    const entry = this.#add(conversation, { file: { name: file.name.slice(0, 200), size: file.size }, keepMs, status: 'waiting' });
    if (file.size > FILE_BYTES) return this.#failed(conversation, entry, { code: TOO_LARGE });
    try {
      keepFile(entry, new Uint8Array(await file.arrayBuffer()));
    } catch (error) {
      return this.#failed(conversation, entry, error);
    }
    this.#conversations.update(conversation, entry, {});
    await this.#deliver(conversation, entry);
  }

  /**
   * Another try, as a message of its own: what became of the first is settled.
   * @param {Conversation} conversation
   * @param {Entry} entry
   */
  retry(conversation, entry) {
    const bytes = fileOf(entry);
    entry.id = randomId();
    if (bytes) keepFile(entry, bytes);
    this.#conversations.update(conversation, entry, { status: 'waiting', reason: undefined, recipients: undefined });
    void this.#deliver(conversation, entry);
  }

  /** Whether it can be taken back. @param {Entry} entry */
  isCancellable(entry) {
    return entry.status === 'waiting' && this.#cancels.has(entry.id);
  }

  /**
   * Takes a message back that waits here.
   * @param {Conversation} conversation
   * @param {Entry} entry
   */
  cancel(conversation, entry) {
    const cancel = this.#cancels.get(entry.id);
    if (!cancel) return;
    cancel.abort();
    this.#conversations.update(conversation, entry, {});
  }

  /** After a reload: what was under way goes on, and is heard of again. */
  resume() {
    for (const conversation of this.#conversations.list()) {
      for (const entry of conversation.entries) {
        if (entry.from !== this.#session.credential) continue;
        if (entry.status === 'asked') this.#conversations.update(conversation, entry, { status: 'unanswered' });
        if (!isOpen(entry)) continue;
        this.#open.set(entry.id, { conversation, entry });
        if (entry.text !== undefined) void this.#again(conversation, entry);
      }
    }
  }

  /**
   * Asks the package for the message of that id, which it has.
   * @param {Conversation} conversation
   * @param {Entry} entry
   */
  async #again(conversation, entry) {
    try {
      await this.#session.send(this.#to(conversation), SUBJECT, seal(entry, this.#name), this.#options(entry));
    } catch (error) {
      if (isOpen(entry)) this.#failed(conversation, entry, error);
    }
  }

  /**
   * @param {Conversation} conversation
   * @param {Entry} entry
   */
  async #deliver(conversation, entry) {
    const { id } = entry;
    const bytes = fileOf(entry);
    if (entry.file && !bytes) return this.#conversations.update(conversation, entry, { status: 'failed', reason: 'The file is no longer here. Attach it again.' });
    const content = bytes ? sealFile(entry, this.#name, bytes) : seal(entry, this.#name);
    const cancel = new AbortController();
    this.#cancels.set(id, cancel);
    this.#open.set(id, { conversation, entry });
    try {
      const sent = this.#session.send(this.#to(conversation), bytes ? FILE : SUBJECT, content, { ...this.#options(entry), signal: cancel.signal });
      this.#conversations.update(conversation, entry, {});
      const receipt = await sent;
      this.#conversations.update(conversation, entry, { at: receipt.timestamp, ...statusOf(receipt.recipients) });
      if (!isOpen(entry)) this.#open.delete(id);
    } catch (error) {
      if (entry.id === id) this.#failed(conversation, entry, error);
    } finally {
      this.#cancels.delete(id);
    }
  }

  /**
   * @param {Conversation} conversation
   * @param {Entry} entry
   */
  async #ask(conversation, entry) {
    try {
      const { content } = await this.#session.request(this.#to(conversation), ASK, seal(entry, this.#name), { timeout: entry.keepMs || ANSWER_MS });
      this.#conversations.update(conversation, entry, { status: 'answered', answer: String(content?.answer).slice(0, 200) });
    } catch (error) {
      this.#conversations.update(conversation, entry, { status: 'unanswered', reason: inWords(error) });
    }
  }

  /**
   * @param {Conversation} conversation
   * @param {Pick<Entry, 'status' | 'text' | 'file' | 'keepMs' | 'question'>} what
   */
  #add(conversation, what) {
    const session = this.#session;
    /** @type {Entry} */
    const entry = { id: randomId(), from: session.credential, at: session.now(), ...what };
    this.#conversations.add(conversation, entry);
    return entry;
  }

  /**
   * @param {string} id
   * @param {import('/pkg/index.js').RecipientStatus[]} recipients
   */
  #heard(id, recipients) {
    const known = this.#open.get(id);
    // What was never sent has no recipient that could be heard of.
    if (!known || recipients.length === 0 || (known.entry.status === 'waiting' && recipients.every(({ status }) => status === 'error'))) return;
    const { conversation, entry } = known;
    this.#conversations.update(conversation, entry, statusOf(recipients));
    if (!isOpen(entry)) this.#open.delete(id);
  }

  /**
   * @param {Conversation} conversation
   * @param {Entry} entry
   * @param {unknown} error
   */
  #failed(conversation, entry, error) {
    this.#open.delete(entry.id);
    this.#conversations.update(conversation, entry, { status: 'failed', reason: inWords(error) });
    if (/** @type {{ code?: number }} */ (error)?.code === OUTBOX_FULL) this.onfull();
  }

  /** @param {Conversation} conversation */
  #to({ members }) {
    return members.length ? members : [this.#session.credential];
  }

  get #name() {
    return this.#session.identity?.name ?? '';
  }

  /** @param {Entry} entry */
  #options({ id, keepMs }) {
    if (keepMs === 0) return { realtime: true };
    return keepMs === undefined ? { id } : { id, expireAfter: keepMs };
  }
}
