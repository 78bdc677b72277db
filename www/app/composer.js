/**
 * Where a message is written. Enter sends, Shift and Enter starts a line; what is half written stays with its
 * conversation. Below it: a file, a question, and how long the message is kept for who is away.
 */

import { announce } from './announce.js';
import { byId, setText } from './dom.js';
import { TEXT_CHARS } from './limits.js';

/** @typedef {import('./sending.js').How} How */
/** @typedef {{ send: (text: string, how: How) => void, sendFile: (file: File, how: How) => void, changed: (draft: string) => void }} Parts */

const HIGHEST_PX = 180;

export class Composer {
  #text = /** @type {HTMLTextAreaElement} */ (byId('text'));
  #keep = /** @type {HTMLSelectElement} */ (byId('keep-for'));
  #asks = byId('ask');

  /** @param {Parts} parts */
  constructor({ send, sendFile, changed }) {
    this.#text.maxLength = TEXT_CHARS;
    this.#text.addEventListener('input', () => {
      this.#fit();
      changed(this.#text.value);
    });
    this.#text.addEventListener('keydown', (event) => {
      // While characters are composed (Chinese, Japanese, dead keys) Enter chooses one.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#form().requestSubmit();
    });
    this.#form().addEventListener('submit', (event) => {
      event.preventDefault();
      const text = this.#text.value.trim();
      this.#text.focus();
      if (text === '') return;
      const how = this.#how();
      this.show('');
      changed('');
      this.#ask(false);
      send(text, how);
    });
    this.#asks.addEventListener('click', () => {
      this.#ask(!this.#isAsking);
      announce(this.#isAsking ? 'The message will ask for a yes or a no' : 'The message asks for nothing');
      this.#text.focus();
    });
    this.#keep.addEventListener('change', () => this.#ask(this.#isAsking && this.#keep.value !== '0'));
    const file = /** @type {HTMLInputElement} */ (byId('file'));
    byId('attach').addEventListener('click', () => file.click());
    file.addEventListener('change', () => {
      for (const chosen of file.files ?? []) sendFile(chosen, this.#how());
      file.value = '';
    });
  }

  /** @param {string} draft */
  show(draft) {
    this.#text.value = draft;
    this.#fit();
  }

  focus() {
    this.#text.focus();
  }

  /** @param {string} title of the conversation */
  label(title) {
    this.#text.placeholder = title === 'Note to self' ? 'Write a note' : `Message ${title}`;
  }

  /** Starts over for another person. */
  reset() {
    this.#keep.value = '';
    this.#ask(false);
  }

  /** @returns {How} */
  #how() {
    const { value } = this.#keep;
    return { ask: this.#isAsking, keepMs: value === '' ? undefined : Number(value) };
  }

  get #isAsking() {
    return this.#asks.getAttribute('aria-pressed') === 'true';
  }

  /** @param {boolean} on */
  #ask(on) {
    this.#asks.setAttribute('aria-pressed', String(on));
    // A question waits for its answer: it cannot be for now alone.
    if (on && this.#keep.value === '0') this.#keep.value = '';
  }

  #form() {
    return /** @type {HTMLFormElement} */ (byId('composer'));
  }

  #fit() {
    const { style, value } = this.#text;
    style.height = 'auto';
    style.height = `${Math.min(this.#text.scrollHeight, HIGHEST_PX)}px`;
    setText(byId('composer-count'), value.length > TEXT_CHARS * 0.8 ? `${TEXT_CHARS - value.length} characters left` : '');
  }
}
