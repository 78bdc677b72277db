/** The keys of this device: a copy of what they know, to a file and back, under a pass phrase. */

import { byId, h, setText } from './dom.js';
import { inWords } from './errors.js';
import { saveBytes } from './files.js';
import { BACKUP_BYTES, PASSPHRASE_CHARS } from './limits.js';

export class OwnKeysPanel {
  #session;
  #phrase = phraseField('export-phrase', 'Pass phrase for the copy', 'new-password');
  #oldPhrase = phraseField('import-phrase', 'Its pass phrase', 'off');
  #file = h('input', { id: 'import-file', type: 'file', accept: '.keys', required: true });
  #said = h('p', { class: 'hint', id: 'keys-said', role: 'status' });
  #problem = h('p', { class: 'hint problem-line', role: 'alert' });

  /** @param {import('./session.js').Session} session */
  constructor(session) {
    this.#session = session;
    byId('own-keys').replaceChildren(
      h('h2', { id: 'own-keys-title', text: 'Your keys', tabindex: '-1' }),
      h('p', { class: 'hint', text: 'Each of your devices has its own. With a copy another device of yours can read what came before it, should this one be lost.' }),
      this.#form('export-keys', 'Save a copy…', [this.#phrase], 'Save the copy', () => this.#export()),
      this.#form('import-keys', 'Take over a copy…', [h('div', { class: 'field' }, h('label', { for: 'import-file', text: 'The file' }), this.#file), this.#oldPhrase], 'Take it over', () => this.#import()),
      this.#said,
      this.#problem);
    session.on('signedin', () => {
      byId('own-keys').hidden = !session.hasKeys;
      this.#say('', '');
    });
  }

  /**
   * @param {string} id
   * @param {string} title
   * @param {HTMLElement[]} fields
   * @param {string} action
   * @param {() => Promise<string>} act gives what to say when it is done
   */
  #form(id, title, fields, action, act) {
    const button = h('button', { class: 'button small', text: action });
    const form = h('form', { id, class: 'keys-form', method: 'post' }, ...fields, button);
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      button.disabled = true;
      this.#say('A moment: the pass phrase is made dear to guess…', '');
      try {
        this.#say(await act(), '');
        form.reset();
      } catch (error) {
        this.#say('', inWords(error));
      }
      button.disabled = false;
    });
    return h('details', { class: 'advanced' }, h('summary', { text: title }), form);
  }

  async #export() {
    const bytes = await this.#session.keys.exportKeys(inputOf(this.#phrase).value);
    saveBytes(new Uint8Array(bytes), `msgsrouter-${this.#session.credential.slice(0, 8)}.keys`);
    return 'The copy is among your downloads. Without its pass phrase nobody can read it, you neither.';
  }

  async #import() {
    const [file] = this.#file.files ?? [];
    if (!file || file.size > BACKUP_BYTES) throw new Error('That file is no copy of keys.');
    await this.#session.keys.importKeys(new Uint8Array(await file.arrayBuffer()), inputOf(this.#oldPhrase).value);
    return 'The keys are taken over.';
  }

  /**
   * @param {string} done
   * @param {string} problem
   */
  #say(done, problem) {
    setText(this.#said, done);
    setText(this.#problem, problem);
  }
}

/** @param {HTMLElement} field */
const inputOf = (field) => /** @type {HTMLInputElement} */ (field.querySelector('input'));

/**
 * @param {string} id
 * @param {string} label
 * @param {string} autocomplete
 */
function phraseField(id, label, autocomplete) {
  return h('div', { class: 'field' },
    h('label', { for: id, text: label }),
    h('input', { id, type: 'password', required: true, maxlength: PASSPHRASE_CHARS, autocomplete }));
}
