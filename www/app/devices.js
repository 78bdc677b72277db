/** The devices of the person who is signed in, live: each window, and each program, is one. */

import { announce } from './announce.js';
import { byId, h, reconcile, setText } from './dom.js';
import { inWords } from './errors.js';
import { exactly, moment } from './format.js';
import { icon } from './icons.js';

/** @typedef {import('/pkg/index.js').Device} Device */

export class DevicesPanel {
  #session;
  #list = h('ul', { class: 'devices', id: 'device-list' });
  #problem = h('p', { class: 'hint problem-line', role: 'status' });
  /** The device about which is asked whether it is meant. @type {string | undefined} */
  #asked;

  /** @param {import('./session.js').Session} session */
  constructor(session) {
    this.#session = session;
    byId('devices').replaceChildren(
      h('h2', { id: 'devices-title', text: 'Your devices', tabindex: '-1' }),
      h('p', { class: 'hint', text: 'Each window is one. All of them get every message, those that are away when they come back.' }),
      this.#list,
      this.#problem);
    for (const type of /** @type {const} */ (['devices', 'signedin', 'state'])) session.on(type, () => this.render());
  }

  render() {
    const { devices } = this.#session;
    byId('devices').hidden = devices.length === 0;
    const order = [...devices].sort((a, b) => Number(b.isThis) - Number(a.isThis) || Number(b.online) - Number(a.online) || b.seen - a.seen);
    reconcile(this.#list, order, ({ id }) => id, () => deviceRow(), (row, device) => this.#update(row, device));
  }

  /**
   * @param {HTMLElement} row
   * @param {Device} device
   */
  #update(row, device) {
    const { id, name, online, seen, waiting, isThis } = device;
    const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (row.querySelector(selector));
    row.dataset.online = String(isThis ? this.#session.registered : online);
    const called = name || `Device ${id.slice(0, 4)}`;
    setText(part('.device-name'), called);
    part('.pill').hidden = !isThis;
    setText(part('.pill'), isThis ? 'this one' : '');
    const local = this.#session.local(seen);
    const here = isThis ? this.#session.registered : online;
    const waits = waiting === 0 ? '' : ` · ${waiting === 1 ? 'one message waits' : `${waiting} messages wait`}`;
    setText(part('.device-state'), here ? 'Online' : isThis ? 'Not connected' : `Last seen ${moment(local)}${waits}`);
    part('.device-state').title = online ? '' : exactly(local);
    part('.device-actions').hidden = isThis;
    const asked = this.#asked === id;
    const key = `${asked} ${called}`;
    if (isThis || part('.device-actions').dataset.key === key) return;
    part('.device-actions').dataset.key = key;
    part('.device-actions').replaceChildren(...(asked ? this.#question(device, called) : [this.#button('Retire', `Retire ${called}`, () => this.#ask(id))]));
  }

  /**
   * @param {Device} device
   * @param {string} called
   */
  #question({ id, waiting }, called) {
    const loses = waiting ? ' What waits for it is lost to it.' : '';
    return [
      h('span', { class: 'hint', text: `Retire it?${loses}` }),
      this.#button('Yes, retire', `Yes, retire ${called}`, () => this.#retire(id, called)),
      this.#button('Keep', `Keep ${called}`, () => this.#ask(undefined)),
    ];
  }

  /**
   * @param {string} text
   * @param {string} label
   * @param {() => void} onclick
   */
  #button(text, label, onclick) {
    return h('button', { type: 'button', class: 'link', 'aria-label': label, text, onclick });
  }

  /** @param {string | undefined} id */
  #ask(id) {
    const before = this.#asked;
    this.#asked = id;
    this.render();
    const row = this.#list.querySelector(`[data-key="${id ?? before}"]`);
    /** @type {HTMLElement | null} */ (row?.querySelector('button') ?? null)?.focus();
  }

  /**
   * @param {string} id
   * @param {string} called
   */
  async #retire(id, called) {
    this.#asked = undefined;
    setText(this.#problem, '');
    try {
      await this.#session.retire(id);
      announce(`${called} is retired`);
    } catch (error) {
      setText(this.#problem, inWords(error));
    }
    this.render();
    byId('devices-title').focus();
  }
}

function deviceRow() {
  return h('li', { class: 'device' },
    icon('device'),
    h('div', { class: 'device-text' },
      h('p', {}, h('span', { class: 'device-name' }), h('span', { class: 'pill good' })),
      h('p', { class: 'hint device-state' }),
      h('p', { class: 'device-actions' })));
}
