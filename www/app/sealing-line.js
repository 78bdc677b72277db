/** The line above the composer: whether what is written next is encrypted, and if not, why, and what can be done. */

import { byId, h } from './dom.js';
import { listed } from './format.js';
import { icon } from './icons.js';

/** @typedef {import('./conversations.js').Conversation} Conversation */
/** @typedef {{ keys: import('./keys.js').Keys, people: import('./people.js').People, conversations: import('./conversations.js').Conversations, sending: import('./sending.js').Sending }} Parts */
/** @typedef {{ words: string, sign: import('./icons.js').IconName, kind: 'good' | 'plain' | 'asks' | 'held', actions?: [string, () => void][] }} Said */

export class SealingLine {
  #parts;
  /** @type {Conversation | undefined} */
  #conversation;

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
    parts.keys.on('change', () => this.#render());
    parts.people.on('change', () => this.#render());
    parts.conversations.on('change', () => this.#render());
  }

  /** @param {Conversation | undefined} conversation */
  show(conversation) {
    this.#conversation = conversation;
    if (conversation) this.#parts.keys.refresh(conversation.members);
    this.#render();
  }

  #render() {
    const line = byId('composer-sealing');
    if (!this.#conversation) return line.replaceChildren();
    const { words, sign, kind, actions = [] } = this.#what(this.#conversation);
    const state = JSON.stringify([this.#conversation.id, words, actions.map(([text]) => text)]);
    if (line.dataset.state === state && line.childElementCount) return;
    line.dataset.state = state;
    line.dataset.kind = kind;
    const buttons = actions.map(([text, onclick]) => h('button', { type: 'button', class: 'link', text, onclick }));
    line.replaceChildren(icon(sign), h('span', { id: 'composer-sealing-words', class: 'words', text: words }), ...buttons);
  }

  /** @param {Conversation} conversation @returns {Said} */
  #what(conversation) {
    const { keys, people } = this.#parts;
    const { state, who } = keys.sealingOf(conversation);
    const names = listed(who.map((credential) => people.nameOf(credential)));
    const have = verb(who);
    switch (state) {
      case 'off':
        return { words: 'Not encrypted: you signed in as in the original.', sign: 'unlocked', kind: 'plain' };
      case 'unknown':
        return { words: `Will be encrypted. If ${names} ${have} no keys, you are asked first.`, sign: 'lock', kind: 'good' };
      case 'held':
        return { words: `Held until you accept the new keys of ${names}.`, sign: 'clock', kind: 'held' };
      case 'plain':
        return { words: `Not encrypted: ${names} ${have} no keys.`, sign: 'unlocked', kind: 'plain', actions: [['Hold instead', () => this.#decide(false)]] };
      case 'keyless':
        return this.#question(conversation, `${names} ${have} no keys, so nothing can be encrypted`);
      case 'encrypted':
        return { words: who.length && who.every((member) => keys.isVerified(member)) ? 'Encrypted end to end, keys compared.' : 'Encrypted end to end.', sign: 'lock', kind: 'good' };
    }
  }

  /** Asked once; what was answered stays and can be changed. @param {Conversation} conversation @param {string} why @returns {Said} */
  #question({ plain }, why) {
    /** @type {[string, () => void]} */
    const send = ['Send unencrypted', () => this.#decide(true)];
    if (plain === false) return { words: `Held: ${why}.`, sign: 'clock', kind: 'held', actions: [send] };
    return { words: `${why}. What you wrote is held. Send it unencrypted? The server could read it.`, sign: 'unlocked', kind: 'asks', actions: [send, ['Hold it', () => this.#decide(false)]] };
  }

  /** @param {boolean} plain */
  #decide(plain) {
    const conversation = this.#conversation;
    if (!conversation) return;
    this.#parts.conversations.setPlain(conversation, plain);
    if (plain) this.#parts.sending.sendHeldPlain(conversation);
    byId('text').focus();
  }
}

/** @param {string[]} who */
const verb = (who) => (who.length > 1 ? 'have' : 'has');

/**
 * Why a message of ours is held that waits; empty where it is not held by keys.
 * @param {import('./keys.js').Sealing} sealing of its conversation
 * @param {(credential: string) => string} nameOf
 */
export function whyHeld({ state, who }, nameOf) {
  const names = listed(who.map(nameOf));
  if (state === 'held') return `Held until you accept the new keys of ${names}`;
  return state === 'keyless' ? `Held: ${names} ${verb(who)} no keys` : '';
}
