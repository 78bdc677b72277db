/** Where a message is written. Enter sends, Shift and Enter starts a line; what is half written stays with its conversation. */

import { byId, setText } from './dom.js';
import { TEXT_CHARS } from './limits.js';

const HIGHEST_PX = 180;

export class Composer {
  #text = /** @type {HTMLTextAreaElement} */ (byId('text'));

  /**
   * @param {(text: string) => void} send
   * @param {(draft: string) => void} changed
   */
  constructor(send, changed) {
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
      this.show('');
      changed('');
      send(text);
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
