/** The line at the top that says when something is wrong, and what happens about it. */

import { byId, h } from './dom.js';
import { inWords, mayRetry } from './errors.js';
import { icon } from './icons.js';

const NOTICE_MS = 10_000;
/** What is said where the message stands, or the conversation, or above everything: keys that are missing, or cannot be. */
const ELSEWHERE = [459, 462];
const GAP = 'Some messages for this device may be lost: the server’s memory of it, or this device’s own, began anew. What is sent from now on arrives.';

export class Banner {
  #session;
  /** Whether this sign-in was ever registered. */
  #wasConnected = false;
  /** When the client tries again, by the wall clock; `null` when it has given up. @type {number | null | undefined} */
  #retryAt;
  /** @type {unknown} */
  #error;
  /** @type {{ text: string, until: number } | undefined} */
  #notice;
  /** Messages for this device were lost, and that was not read yet. */
  #gap = false;

  /** @param {import('./session.js').Session} session */
  constructor(session) {
    this.#session = session;
    session.on('signedin', () => {
      this.#gap = false;
      this.#reset(false);
    });
    session.on('gap', () => {
      this.#gap = true;
      this.render();
    });
    session.on('state', () => {
      if (session.registered) this.#reset(true);
      this.render();
    });
    session.on('close', ({ retryIn }) => {
      this.#retryAt = retryIn === null ? null : Date.now() + retryIn;
      this.render();
    });
    session.on('error', (error) => {
      if (ELSEWHERE.includes(/** @type {{ code?: number }} */ (error).code ?? 0)) return;
      if (session.registered && !mayRetry(error)) this.#notice = { text: inWords(error), until: Date.now() + NOTICE_MS };
      else this.#error = error;
      this.render();
    });
    session.on('outbox', () => this.render());
    setInterval(() => this.render(), 1000);
  }

  /** Nothing is left to try: says why. @param {unknown} error */
  gaveUp(error) {
    this.#error = error;
    this.#retryAt = null;
    this.render();
  }

  render() {
    const banner = byId('banner');
    if (this.#notice && Date.now() > this.#notice.until) this.#notice = undefined;
    const { kind, words, countdown = '', outbox = '', button = '' } = this.#what();
    const state = `${kind} ${words} ${outbox}`;
    if (banner.dataset.state !== state) {
      banner.dataset.state = state;
      banner.dataset.kind = kind;
      banner.hidden = kind === '';
      // The countdown changes each second: it is for the eye alone.
      banner.replaceChildren(icon(kind === 'waiting' ? 'clock' : 'alert'), h('span', { class: 'words', text: words }), h('span', { class: 'countdown', 'aria-hidden': 'true' }), h('span', { text: outbox }), button);
    }
    const timer = banner.querySelector('.countdown');
    if (timer && timer.textContent !== countdown) timer.textContent = countdown;
  }

  /** @returns {{ kind: string, words: string, countdown?: string, outbox?: string, button?: HTMLElement }} */
  #what() {
    const session = this.#session;
    if (!session.signedIn) return { kind: '', words: '' };
    if (session.registered) {
      if (this.#gap) return { kind: 'gap', words: GAP, button: this.#button('I see', () => (this.#gap = false)) };
      if (!this.#notice) return { kind: '', words: '' };
      return { kind: 'notice', words: this.#notice.text, button: this.#button('Dismiss', () => (this.#notice = undefined)) };
    }
    if (this.#retryAt === null) {
      const words = `Disconnected. ${this.#error ? inWords(this.#error) : ''}`.trim();
      return { kind: 'problem', words, button: this.#button('Connect again', () => this.#connect()) };
    }
    const waiting = session.outbox === 1 ? 'One message waits.' : `${session.outbox} messages wait.`;
    const seconds = this.#retryAt === undefined ? 0 : Math.ceil((this.#retryAt - Date.now()) / 1000);
    const words = this.#wasConnected ? 'Connection lost. Trying again…' : 'Connecting…';
    return { kind: 'waiting', words, countdown: seconds > 0 ? `in ${seconds} s.` : '', outbox: session.outbox ? waiting : '' };
  }

  /**
   * @param {string} text
   * @param {() => void} act
   */
  #button(text, act) {
    const onclick = () => {
      act();
      this.render();
    };
    return h('button', { type: 'button', class: 'link', text, onclick });
  }

  #connect() {
    this.#reset(this.#wasConnected);
    this.#session.connect().catch((error) => this.gaveUp(error));
  }

  /** @param {boolean} connected */
  #reset(connected) {
    this.#wasConnected = connected;
    this.#retryAt = undefined;
    this.#error = undefined;
    this.render();
  }
}
