/**
 * Who there is: the peers a search finds, and those who wrote to us. Names are what people call themselves; only the
 * credential tells two of them apart.
 */

import { Emitter } from './emitter.js';
import { shortCredential } from './format.js';
import { PEOPLE, WHO_IS_HERE_MS } from './limits.js';

/** @typedef {{ credential: string, name: string, email?: string, place?: string, listed?: boolean }} Person */

/** @param {unknown} value */
const known = (value) => (typeof value === 'string' && value !== '' && value !== 'unknown' ? value.slice(0, 200) : undefined);

/**
 * @param {any} peer as a search gives it
 * @returns {Person}
 */
function fromPeer({ credential, name, email, location }) {
  const place = [known(location?.city), known(location?.country)].filter(Boolean).join(', ');
  return { credential, name: known(name) ?? '', email: known(email), place: place || undefined, listed: true };
}

/** @extends {Emitter<{ change: undefined }>} */
export class People extends Emitter {
  /** @type {Map<string, Person>} */
  #known = new Map();
  /** @type {Set<string>} */
  #here = new Set();
  /** @type {Person[]} */
  #found = [];
  /** @type {Person | undefined} */
  #self;
  #keyword = '';
  /** Whether the list below is an answer yet. */
  asked = false;

  /**
   * @param {Person | undefined} self
   * @param {Person[]} kept
   */
  reset(self, kept = []) {
    this.#self = self;
    this.#known = new Map(kept.map((person) => [person.credential, person]));
    this.#here.clear();
    this.#found = [];
    this.#keyword = '';
    this.asked = false;
    this.emit('change', undefined);
  }

  /** Those the last search found, without ourselves. */
  get found() {
    return this.#found;
  }

  /** Everybody met so far. */
  all() {
    return [...this.#known.values()];
  }

  /** @param {string} credential @returns {Person} */
  get(credential) {
    if (credential === this.#self?.credential) return this.#self;
    return this.#known.get(credential) ?? { credential, name: '' };
  }

  /** What to call somebody. @param {string} credential */
  nameOf(credential) {
    return this.get(credential).name || shortCredential(credential);
  }

  /** Whether the directory lists somebody as connected now. @param {string} credential */
  isHere(credential) {
    return this.#here.has(credential);
  }

  /**
   * What a sender calls himself. It does not replace what the directory says.
   * @param {string} credential
   * @param {string | undefined} name
   */
  learn(credential, name) {
    const person = this.get(credential);
    if (!name || person.listed || person.name === name || credential === this.#self?.credential) return;
    this.#remember({ ...person, name });
    this.emit('change', undefined);
  }

  /**
   * Asks who is here, and who fits the keyword.
   * @param {(keyword: string) => Promise<any[]>} find
   * @param {string} keyword
   */
  async ask(find, keyword = this.#keyword) {
    this.#keyword = keyword;
    const [here, found] = await Promise.all([find(''), keyword ? find(keyword) : undefined]);
    if (keyword !== this.#keyword) return;
    const everybody = [...here, ...(found ?? [])].map(fromPeer);
    for (const person of everybody) this.#remember(person);
    this.#here = new Set(everybody.map(({ credential }) => credential));
    const self = this.#self?.credential;
    this.#found = (found ?? here).map(fromPeer).filter(({ credential }) => credential !== self);
    this.#found.sort((a, b) => a.name.localeCompare(b.name) || a.credential.localeCompare(b.credential));
    this.asked = true;
    this.emit('change', undefined);
  }

  /**
   * Gets to know those who fit a keyword, beside the list.
   * @param {(keyword: string) => Promise<any[]>} find
   * @param {string} keyword
   */
  async meet(find, keyword) {
    for (const peer of await find(keyword)) this.#remember(fromPeer(peer));
    this.emit('change', undefined);
  }

  /** Nobody can be asked now, so nobody is known to be here. */
  away() {
    this.#here.clear();
    this.#found = [];
    this.asked = false;
    this.emit('change', undefined);
  }

  /** @param {Person} person */
  #remember(person) {
    this.#known.delete(person.credential);
    this.#known.set(person.credential, person);
    if (this.#known.size > PEOPLE) this.#known.delete(/** @type {string} */ (this.#known.keys().next().value));
  }
}

/**
 * Asks again and again while the page is looked at.
 * @param {() => Promise<void>} ask never fails
 */
export function everyNowAndThen(ask) {
  let asking = false;
  const once = async () => {
    // A slow network answers later than the next question would come.
    if (asking || document.visibilityState !== 'visible') return;
    asking = true;
    await ask();
    asking = false;
  };
  setInterval(once, WHO_IS_HERE_MS);
  document.addEventListener('visibilitychange', once);
}
