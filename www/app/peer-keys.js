/** The keys of those in the conversation: their devices, and the number by which two people know that nobody sits between them. */

import { announce } from './announce.js';
import { byId, h, reconcile, setText } from './dom.js';
import { inWords } from './errors.js';
import { exactly, since } from './format.js';
import { icon } from './icons.js';

/** @typedef {import('./conversations.js').Conversation} Conversation */
/** @typedef {import('/pkg/index.js').PeerDevice} PeerDevice */
/** @typedef {{ session: import('./session.js').Session, keys: import('./keys.js').Keys, people: import('./people.js').People }} Parts */

const GROUP_DIGITS = 5;
/** Whole pixels for each of the 57 modules of a code, its white edge included. */
const QR_PX = 228;

export class PeerKeysPanel {
  #parts;
  /** @type {Conversation | undefined} */
  #conversation;
  #list = h('ul', { class: 'peers-keys' });
  #about = h('p', { class: 'hint' });

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
    byId('peer-keys').replaceChildren(h('h2', { id: 'peer-keys-title', text: 'Encryption', tabindex: '-1' }), this.#about, this.#list);
    parts.keys.on('change', () => this.#render());
    parts.people.on('change', () => this.#render());
  }

  /** @param {Conversation | undefined} conversation */
  show(conversation) {
    this.#conversation = conversation;
    this.#render();
  }

  /** Opens the keys of one of them. @param {string} credential */
  compare(credential) {
    const block = /** @type {HTMLDetailsElement | null} */ (this.#list.querySelector(`[data-key="${credential}"] details`));
    if (block) block.open = true;
    const title = block?.querySelector('summary') ?? byId('peer-keys-title');
    title.scrollIntoView({ block: 'start' });
    title.focus();
  }

  #render() {
    const members = this.#conversation?.members ?? [];
    byId('peer-keys').hidden = members.length === 0;
    const { hasKeys } = this.#parts.session;
    setText(this.#about, hasKeys
      ? 'What you write is encrypted on this device and opened on theirs. The server sees who writes to whom, when, and roughly how much.'
      : 'You signed in as in the original, without keys: nothing here is encrypted end to end, and the server can read it.');
    reconcile(this.#list, hasKeys ? members : [], (credential) => credential, (credential) => this.#create(credential, members.length === 1), (block, credential) => this.#update(block, credential));
  }

  /**
   * @param {string} credential
   * @param {boolean} open
   */
  #create(credential, open) {
    return h('li', {}, h('details', { class: 'peer-keys', open },
      h('summary', {}, h('span', { class: 'peer-keys-name' }), ' ', h('span', { class: 'hint peer-keys-count' })),
      h('p', { class: 'hint none', text: 'No keys seen yet. They are looked for with the first message.' }),
      h('ul', { class: 'key-devices' }),
      h('div', { class: 'safety' },
        h('h3', { text: 'Safety number' }),
        h('p', { class: 'safety-number', role: 'img' }),
        h('p', { class: 'hint', text: 'Compare it face to face or on the phone. If both of you see the same digits, nobody sits between you.' }),
        h('div', { class: 'qr' }),
        h('p', { class: 'hint', text: 'The code says whose keys you see, to a program that scans it. Theirs looks different.' }),
        h('button', { type: 'button', class: 'button small', text: 'I compared it: verified', onclick: () => this.#verify(credential) }),
        h('p', { class: 'hint verified', role: 'status' }))));
  }

  /**
   * @param {HTMLElement} block
   * @param {string} credential
   */
  #update(block, credential) {
    const { keys, people } = this.#parts;
    const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (block.querySelector(selector));
    const devices = keys.devicesOf(credential);
    setText(part('.peer-keys-name'), people.nameOf(credential));
    setText(part('.peer-keys-count'), devices.length === 1 ? '1 device' : devices.length ? `${devices.length} devices` : '');
    part('.none').hidden = devices.length > 0;
    reconcile(part('.key-devices'), [...devices].sort((a, b) => a.enrolled - b.enrolled), ({ id }) => id, deviceRow, updateDevice);
    const number = keys.numberOf(credential);
    part('.safety').hidden = number === undefined;
    const verified = keys.isVerified(credential);
    part('.safety button').hidden = verified;
    setText(part('.verified'), verified ? 'Verified. From now on a new device of theirs waits until you accept it.' : '');
    if (number && part('.safety').dataset.digits !== number.digits) showNumber(part('.safety'), number);
  }

  /** @param {string} credential */
  async #verify(credential) {
    try {
      await this.#parts.keys.verify(credential);
      byId('peer-keys-title').focus();
    } catch (error) {
      announce(inWords(error));
      const said = this.#list.querySelector(`[data-key="${credential}"] .verified`);
      if (said) said.textContent = inWords(error);
    }
  }
}

function deviceRow() {
  return h('li', { class: 'key-device' }, icon('device'), h('span', {}, h('code', {}), h('span', { class: 'hint' })), h('span', { class: 'pill warn', text: 'not accepted' }));
}

/**
 * @param {HTMLElement} row
 * @param {PeerDevice} device
 */
function updateDevice(row, { id, enrolled, trusted }) {
  const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (row.querySelector(selector));
  setText(part('code'), `${id.slice(0, 4)} ${id.slice(4, 8)}`);
  part('code').title = id;
  setText(part('.hint'), since(enrolled));
  part('.hint').title = exactly(enrolled);
  part('.pill').hidden = trusted;
}

/**
 * Twelve groups of five digits, and a QR code of whose keys they are.
 * @param {HTMLElement} parent
 * @param {import('/pkg/index.js').SafetyNumber} number
 */
function showNumber(parent, number) {
  parent.dataset.digits = number.digits;
  const groups = number.digits.match(new RegExp(`\\d{1,${GROUP_DIGITS}}`, 'gu')) ?? [];
  const shown = /** @type {HTMLElement} */ (parent.querySelector('.safety-number'));
  shown.setAttribute('aria-label', groups.join(' '));
  shown.replaceChildren(...groups.map((text) => h('span', { text })));
  // As an image, whatever stands in it runs nothing. It is black on white in both themes: scanners want it so.
  const picture = h('img', { src: `data:image/svg+xml,${encodeURIComponent(number.svg)}`, alt: 'QR code of your keys and theirs, for their program to scan', width: QR_PX, height: QR_PX });
  parent.querySelector('.qr')?.replaceChildren(picture);
}
