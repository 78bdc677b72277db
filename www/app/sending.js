/**
 * A message on its way: it waits on this device, then on the server, until it is with its receivers, or cannot be. The
 * id of an entry is the id of its message for the package too: what is sent again under it stays one message.
 */

import { ASK, FILE, seal, sealFile, SUBJECT } from './envelope.js';
import { inWords } from './errors.js';
import { fileOf, keepFile } from './files.js';
import { ANSWER_MS, FILE_BYTES } from './limits.js';
import { isKnown, isOpen, statusOf } from './receipts.js';

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
    session.on('receipt', ({ id, recipients, encrypted }) => this.#heard(id, recipients, encrypted));
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
    this.#start(conversation, entry);
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
    this.#conversations.update(conversation, entry, { status: entry.question ? 'asked' : 'waiting', reason: undefined, recipients: undefined, encrypted: undefined });
    this.#start(conversation, entry);
  }

  /**
   * What is held for want of keys goes as it is, as messages of their own: those that are held are taken back.
   * @param {Conversation} conversation
   */
  sendHeldPlain(conversation) {
    for (const entry of conversation.entries) {
      const cancel = this.#cancels.get(entry.id);
      if ((entry.status !== 'waiting' && entry.status !== 'asked') || !cancel) continue;
      cancel.abort();
      this.retry(conversation, entry);
    }
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
   * @param {Conversation} conversation
   * @param {Entry} entry
   */
  #start(conversation, entry) {
    void (entry.question ? this.#ask(conversation, entry) : this.#deliver(conversation, entry));
  }

  /**
   * Asks the package for the message of that id, which it has.
   * @param {Conversation} conversation
   * @param {Entry} entry
   */
  async #again(conversation, entry) {
    const { id } = entry;
    try {
      await this.#session.send(this.#to(conversation), SUBJECT, seal(entry, this.#name), { ...this.#options(conversation, entry), signal: this.#cancel(entry) });
    } catch (error) {
      if (entry.id === id && isOpen(entry)) this.#failed(conversation, entry, error);
    } finally {
      this.#cancels.delete(id);
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
    const signal = this.#cancel(entry);
    this.#open.set(id, { conversation, entry });
    try {
      const sent = this.#session.send(this.#to(conversation), bytes ? FILE : SUBJECT, content, { ...this.#options(conversation, entry), signal });
      this.#conversations.update(conversation, entry, {});
      const receipt = await sent;
      this.#conversations.update(conversation, entry, { at: receipt.timestamp, encrypted: receipt.encrypted, ...statusOf(receipt.recipients) });
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
    const { id } = entry;
    const signal = this.#cancel(entry);
    try {
      const { content, encrypted } = await this.#session.request(this.#to(conversation), ASK, seal(entry, this.#name), { timeout: entry.keepMs || ANSWER_MS, allowPlain: conversation.plain === true, signal });
      this.#conversations.update(conversation, entry, { status: 'answered', encrypted, answer: String(content?.answer).slice(0, 200) });
    } catch (error) {
      if (entry.id === id) this.#conversations.update(conversation, entry, { status: 'unanswered', reason: inWords(error) });
    } finally {
      this.#cancels.delete(id);
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
   * @param {boolean} encrypted
   */
  #heard(id, recipients, encrypted) {
    const known = this.#open.get(id);
    // What was never sent has no recipient that could be heard of.
    if (!known || recipients.length === 0 || !isKnown(recipients) || (known.entry.status === 'waiting' && recipients.every(({ status }) => status === 'error'))) return;
    const { conversation, entry } = known;
    this.#conversations.update(conversation, entry, { ...statusOf(recipients), encrypted });
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

  /** What takes it back. @param {Entry} entry */
  #cancel({ id }) {
    const cancel = new AbortController();
    this.#cancels.set(id, cancel);
    return cancel.signal;
  }

  /**
   * @param {Conversation} conversation
   * @param {Entry} entry
   */
  #options(conversation, entry) {
    const { id, keepMs } = entry;
    const allowPlain = conversation.plain === true;
    if (keepMs === 0) return { realtime: true, allowPlain };
    return { id, allowPlain, ...(keepMs !== undefined && { expireAfter: keepMs }) };
  }
}
