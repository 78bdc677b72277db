/** What changed with the keys of those one is talking with, above what they say, until somebody looked at it. */

import { announce } from './announce.js';
import { byId, h, reconcile, setText } from './dom.js';
import { inWords } from './errors.js';
import { icon } from './icons.js';

/** @typedef {import('./conversations.js').Conversation} Conversation */
/** @typedef {import('/pkg/index.js').PeerChange} PeerChange */
/** @typedef {{ keys: import('./keys.js').Keys, people: import('./people.js').People, compare: (credential: string) => void }} Parts */

/** @type {Record<string, string>} */
const WORDS = {
  'new-key': 'has other keys than before',
  'device-added': 'signed in on a new device',
  'device-removed': 'removed a device',
};

export class Notices {
  #parts;
  /** @type {Conversation | undefined} */
  #conversation;

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
    parts.keys.on('change', () => this.#render());
    parts.people.on('change', () => this.#render());
  }

  /** @param {Conversation | undefined} conversation */
  show(conversation) {
    this.#conversation = conversation;
    this.#render();
  }

  #render() {
    const members = (this.#conversation?.members ?? []).filter((member) => this.#parts.keys.isHeld(member) || this.#parts.keys.changesOf([member]).length > 0);
    reconcile(byId('talk-notices'), members, (credential) => credential, (credential) => this.#create(credential), (notice, credential) => this.#update(notice, credential));
    byId('talk-notices').hidden = members.length === 0;
  }

  /** @param {string} credential */
  #create(credential) {
    const { keys, compare } = this.#parts;
    return h('div', { class: 'notice', role: 'alert' },
      icon('key'),
      h('p', { class: 'words' }),
      h('div', { class: 'buttons' },
        h('button', { type: 'button', class: 'button small accept', text: 'Accept', onclick: (/** @type {Event} */ event) => this.#accept(credential, /** @type {HTMLElement} */ (event.target)) }),
        h('button', { type: 'button', class: 'button small', text: 'Compare keys', onclick: () => compare(credential) }),
        h('button', { type: 'button', class: 'button small seen', text: 'I see', onclick: () => keys.dismiss(credential) })));
  }

  /**
   * @param {HTMLElement} notice
   * @param {string} credential
   */
  #update(notice, credential) {
    const { keys, people } = this.#parts;
    const changes = keys.changesOf([credential]);
    const isHeld = keys.isHeld(credential);
    const name = people.nameOf(credential);
    const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (notice.querySelector(selector));
    notice.classList.toggle('held', isHeld);
    const isNew = keys.devicesOf(credential).some(({ trusted }) => !trusted);
    setText(part('.words'), `${name} ${happened(changes, isNew)}. ${isHeld ? 'Messages to them are held until you accept it. If you did not expect it, compare keys first.' : 'If they did not expect it, compare keys.'}`);
    part('.accept').hidden = !isHeld;
    part('.accept').setAttribute('aria-label', `Accept the keys of ${name}`);
    part('.seen').hidden = isHeld;
  }

  /**
   * @param {string} credential
   * @param {HTMLElement} button
   */
  async #accept(credential, button) {
    const name = this.#parts.people.nameOf(credential);
    button.toggleAttribute('disabled', true);
    try {
      await this.#parts.keys.accept(credential);
      announce(`The keys of ${name} are accepted`);
      byId('text').focus();
    } catch (error) {
      button.toggleAttribute('disabled', false);
      announce(inWords(error));
      button.closest('.notice')?.querySelector('.words')?.append(` ${inWords(error)}`);
    }
  }
}

/**
 * @param {PeerChange[]} changes
 * @param {boolean} isNew whether a device waits to be accepted
 */
function happened(changes, isNew) {
  // The change itself was told before the page was loaded, or it is none: an alarm tells what it was.
  if (changes.length === 0) return isNew ? 'has a device that you did not accept yet' : 'was shown to you with keys that cannot be';
  const kinds = [...new Set(changes.map(({ change }) => WORDS[change] ?? 'changed keys'))];
  return kinds.join(' and ');
}
