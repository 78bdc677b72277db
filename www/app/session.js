/**
 * Who is signed in, and the one client of the package that speaks for them. Listeners stay when the client changes.
 *
 * What is kept: name, e-mail, server and the like in the storage of this tab, so that a reload fills the form; only when
 * the person asked for it, what signs in again as well. Of an identity by key that is its public key, of use on a device
 * alone that has keys of its own already; of one as in the original it is the secret, in plain text: hence the question.
 */

import { deviceName } from './device-name.js';
import { Emitter } from './emitter.js';

/** @typedef {import('/pkg/index.js').Client} Client */
/** `md5`: as in the original. @typedef {{ name: string, email: string, secret: string, server: string, publish: boolean, md5: boolean }} Identity */
/** @typedef {import('/pkg/index.js').Frame} Frame */
/** @typedef {{ code: number, reason: string, retryIn: number | null }} Closed */

const KEY = 'msr.sign-in';
const EVENTS = /** @type {const} */ (['message', 'state', 'error', 'outbox', 'close', 'frame', 'receipt', 'devices', 'gap', 'peerchange']);
/** Nothing can be kept on disk. */
const MEMORY_ONLY = 456;

/** The package, ready for use. Not needed to show the page, so a page that cannot get it can still say so. */
export async function load() {
  const loaded = await import('/pkg/index.js').catch((cause) => {
    throw new Error('The program could not be loaded. Check the connection and reload the page.', { cause });
  });
  await loaded.init();
  return loaded;
}

/** The server that served this page. */
export const ownServer = () => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}`;

/**
 * @extends {Emitter<{ message: import('/pkg/index.js').Message, state: number, error: unknown, outbox: number, close: Closed, frame: Frame, receipt: import('/pkg/index.js').ReceiptChange, devices: readonly import('/pkg/index.js').Device[], gap: null, peerchange: import('/pkg/index.js').PeerChange, roundtrip: number, signedin: undefined, signedout: undefined }>}
 */
export class Session extends Emitter {
  /** @type {Client | undefined} */
  #client;
  /** @type {Omit<Identity, 'secret'> | undefined} */
  identity;
  credential = '';
  /** When the state changed last, by the wall clock. */
  since = Date.now();
  /** What waits does not outlive the page. */
  memoryOnly = false;
  /** What the last round trip took, in ms: a search, or the registration. @type {number | undefined} */
  roundTrip;
  /** Counts who came and went: whoever leaves while keys are derived is not signed in by them. */
  #comings = 0;

  /**
   * What was kept at the last sign-in in this tab. Without a secret nobody is signed in by it.
   * @returns {Partial<Identity>}
   */
  static remembered() {
    try {
      return JSON.parse(sessionStorage.getItem(KEY) ?? '{}');
    } catch {
      return {};
    }
  }

  /**
   * Sets up who speaks, which takes the moment that their keys take; `connect()` is the next step.
   * @param {Identity} identity
   * @param {boolean} keep whether what signs in again may stay in this tab
   */
  async begin({ secret, ...identity }, keep) {
    const coming = ++this.#comings;
    const { Client } = await load();
    this.#drop();
    const { name, email, server, publish, md5 } = identity;
    const client = new Client({ name, email, server, publish, identity: md5 ? 'md5' : 'key', secret, device: deviceName() });
    await client.identify();
    if (coming !== this.#comings) throw new Error('Signed out before the keys were there.');
    this.credential = client.credential;
    this.#client = client;
    this.identity = identity;
    client.onmessage = () => {};
    // The frames tell how much of a large message has passed, and the inspector what they say.
    client.trace = true;
    this.memoryOnly = false;
    for (const type of EVENTS) {
      client.addEventListener(type, (event) => this.#heard(client, type, /** @type {CustomEvent} */ (event).detail));
    }
    this.#remember(keep ? { ...identity, secret: md5 ? secret : client.secret } : identity);
    this.emit('signedin', undefined);
  }

  /** Settles when registered, or refused for good. */
  async connect() {
    await this.#client?.connect();
  }

  /** Says good-bye and forgets the secret. */
  signOut() {
    const client = this.#client;
    this.#client = undefined;
    // It closes by itself, once it has said so.
    client?.bye();
    this.leave();
  }

  /** Forgets the secret without a word to the server. */
  leave() {
    this.#comings += 1;
    this.#drop();
    if (this.identity) this.#remember(this.identity);
    this.emit('signedout', undefined);
  }

  /**
   * @param {string[]} to
   * @param {string} subject
   * @param {unknown} content
   * @param {import('/pkg/index.js').SendOptions} options
   */
  async send(to, subject, content, options) {
    return this.#require().send(to, subject, content, options);
  }

  /**
   * Sends a message that asks for an answer, and gives the answering one.
   * @param {string[]} to
   * @param {string} subject
   * @param {unknown} content
   * @param {import('/pkg/index.js').RequestOptions} options
   */
  async request(to, subject, content, options) {
    return this.#require().request(to, subject, content, options);
  }

  /** Frees what waits for a device of ours, which gets nothing more. @param {string} device */
  async retire(device) {
    return this.#require().retire(device);
  }

  /** What there is to ask and to say about keys. */
  get keys() {
    return this.#require();
  }

  /** @param {string} keyword */
  async find(keyword) {
    if (!this.#client) return [];
    const started = performance.now();
    const peers = await this.#client.find(keyword);
    this.#measured(performance.now() - started);
    return peers;
  }

  get signedIn() {
    return this.#client !== undefined;
  }

  get registered() {
    return this.state === 2;
  }

  get state() {
    return this.#client?.state ?? 0;
  }

  get offset() {
    return this.#client?.offset ?? 0;
  }

  get outbox() {
    return this.#client?.outbox ?? 0;
  }

  /** The server's time, in ms since 1970. */
  now() {
    return Date.now() - this.offset;
  }

  /** A time of the server on this device's clock. @param {number} timestamp */
  local(timestamp) {
    return timestamp + this.offset;
  }

  /** The devices of the one who is signed in. */
  get devices() {
    return this.#client?.devices ?? [];
  }

  /** Whether this identity has keys at all. */
  get hasKeys() {
    return this.identity?.md5 === false;
  }

  #require() {
    if (!this.#client) throw new Error('Nobody is signed in.');
    return this.#client;
  }

  /**
   * @param {Client} client
   * @param {typeof EVENTS[number]} type
   * @param {any} detail
   */
  #heard(client, type, detail) {
    if (client !== this.#client) return;
    if (type === 'error' && detail.code === MEMORY_ONLY) this.memoryOnly = true;
    if (type === 'state') this.since = Date.now();
    if (type === 'state' && this.registered && client.roundTrip !== null) this.#measured(client.roundTrip);
    this.emit(type, detail);
  }

  /** @param {number} roundTrip in ms */
  #measured(roundTrip) {
    this.roundTrip = roundTrip;
    this.emit('roundtrip', roundTrip);
  }

  #drop() {
    const client = this.#client;
    this.#client = undefined;
    client?.close();
  }

  /** @param {Partial<Identity>} identity */
  #remember(identity) {
    try {
      sessionStorage.setItem(KEY, JSON.stringify(identity));
    } catch {
      // Without storage a reload asks again.
    }
  }
}
