/** A new conversation: with people from the list, with credentials typed by hand, or with oneself. */

import { byId, h, reconcile, setText } from './dom.js';
import { SEARCH_PAUSE_MS } from './limits.js';
import { updatePerson } from './list.js';

/** @typedef {import('./people.js').Person} Person */
/** @typedef {{ session: import('./session.js').Session, people: import('./people.js').People, openWith: (members: string[]) => void }} Parts */

export class Start {
  #parts;
  /** @type {Set<string>} */
  #chosen = new Set();
  #dialog = /** @type {HTMLDialogElement} */ (byId('start'));
  #filter = /** @type {HTMLInputElement} */ (byId('start-filter'));
  #credentials = /** @type {HTMLTextAreaElement} */ (byId('start-credentials'));

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
    const { people, session } = parts;
    people.on('change', () => this.#dialog.open && this.#render());
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let pause;
    this.#filter.addEventListener('input', () => {
      this.#render();
      clearTimeout(pause);
      pause = setTimeout(() => {
        if (session.registered) people.meet((keyword) => session.find(keyword), this.#filter.value.trim()).catch(() => {});
      }, SEARCH_PAUSE_MS);
    });
    // Enter in the field searches; it must not start anything.
    this.#filter.addEventListener('keydown', (event) => event.key === 'Enter' && event.preventDefault());
    this.#credentials.addEventListener('input', () => this.#render());
    byId('start-close').addEventListener('click', () => this.#dialog.close());
    byId('start-self').addEventListener('click', () => this.#open([]));
    byId('start-form').addEventListener('submit', (event) => {
      event.preventDefault();
      const { valid, problem } = this.#typed();
      if (!problem && this.#chosen.size + valid.length) this.#open([...this.#chosen, ...valid]);
    });
    this.#dialog.addEventListener('click', (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
  }

  show() {
    this.#chosen.clear();
    this.#filter.value = '';
    this.#credentials.value = '';
    this.#render();
    this.#dialog.showModal();
    this.#filter.focus();
  }

  close() {
    this.#dialog.close();
  }

  /** @param {string[]} members */
  #open(members) {
    this.#dialog.close();
    this.#parts.openWith(members);
  }

  /** What stands in the field for credentials. */
  #typed() {
    const words = this.#credentials.value.split(/[\s,;]+/u).filter(Boolean);
    const wrong = words.filter((word) => !/^[0-9a-f]{32}$/iu.test(word));
    const problem = wrong.length ? `A credential is 32 hexadecimal digits; “${wrong[0].slice(0, 40)}” is not.` : '';
    return { valid: words.map((word) => word.toLowerCase()), problem };
  }

  #render() {
    const { people, session } = this.#parts;
    const keyword = this.#filter.value.trim().toLowerCase();
    const fits = people
      .all()
      .filter(({ credential, name, email }) => credential !== session.credential && `${name} ${email ?? ''}`.toLowerCase().includes(keyword))
      .sort((a, b) => Number(people.isHere(b.credential)) - Number(people.isHere(a.credential)) || a.name.localeCompare(b.name));
    reconcile(byId('start-people'), fits, ({ credential }) => credential, (person) => this.#row(person), (row, person) => {
      updatePerson(row, person);
      row.querySelector('.row-avatar')?.classList.toggle('here', people.isHere(person.credential));
      /** @type {HTMLInputElement} */ (row.querySelector('input')).checked = this.#chosen.has(person.credential);
    });
    setText(byId('start-none'), fits.length ? '' : 'Nobody here fits. A credential always works.');
    byId('start-none').hidden = fits.length > 0;
    const { valid, problem } = this.#typed();
    setText(byId('start-problem'), problem);
    const count = new Set([...this.#chosen, ...valid]).size;
    const go = /** @type {HTMLButtonElement} */ (byId('start-go'));
    go.disabled = count === 0 || problem !== '';
    setText(go, count > 1 ? `Start with ${count} people` : 'Start');
  }

  /** @param {Person} person */
  #row({ credential }) {
    const choose = (/** @type {Event} */ event) => {
      if (/** @type {HTMLInputElement} */ (event.target).checked) this.#chosen.add(credential);
      else this.#chosen.delete(credential);
      this.#render();
    };
    return h('li', {}, h('label', { class: 'row' },
      h('span', { class: 'row-avatar' }),
      h('span', { class: 'row-text' }, h('span', { class: 'row-title' }), h('span', { class: 'row-snippet' })),
      h('input', { type: 'checkbox', onchange: choose })));
  }
}
