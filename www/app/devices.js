/**
 * The devices of the person who is signed in, live: each window, and each program, is one. One can be retired, which
 * frees what waits for it, or revoked, which takes its keys off the list for good.
 */

import { announce } from './announce.js';
import { byId, h, reconcile, setText } from './dom.js';
import { inWords } from './errors.js';
import { exactly, moment, since } from './format.js';
import { icon } from './icons.js';

/** @typedef {import('/pkg/index.js').Device} Device */
/** @typedef {'retire' | 'revoke'} Act */

const DONE = { retire: 'retired', revoke: 'revoked' };

export class DevicesPanel {
  #session;
  #keys;
  #list = h('ul', { class: 'devices', id: 'device-list' });
  #problem = h('p', { class: 'hint problem-line', role: 'status' });
  /** About which device is asked whether that is meant. @type {{ id: string, act: Act } | undefined} */
  #asked;

  /**
   * @param {import('./session.js').Session} session
   * @param {import('./keys.js').Keys} keys
   */
  constructor(session, keys) {
    this.#session = session;
    this.#keys = keys;
    keys.on('change', () => this.render());
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
    const enrolled = this.#keys.devicesOf(this.#session.credential).find((listed) => listed.id === id)?.enrolled;
    setText(part('.device-enrolled'), enrolled === undefined ? '' : `Yours ${since(enrolled)}`);
    part('.device-enrolled').title = enrolled === undefined ? '' : exactly(enrolled);
    part('.device-actions').hidden = isThis;
    const act = this.#asked?.id === id ? this.#asked.act : undefined;
    const key = `${act} ${called} ${enrolled === undefined}`;
    if (isThis || part('.device-actions').dataset.key === key) return;
    part('.device-actions').dataset.key = key;
    part('.device-actions').replaceChildren(...(act ? this.#question(device, act, called) : [
      this.#button('Retire', `Retire ${called}`, () => this.ask(id, 'retire')),
      enrolled === undefined ? '' : this.#button('Revoke', `Revoke ${called}`, () => this.ask(id, 'revoke')),
    ]));
  }

  /**
   * @param {Device} device
   * @param {Act} act
   * @param {string} called
   */
  #question({ id, waiting }, act, called) {
    const loses = waiting ? ' What waits for it is lost to it.' : '';
    const words = {
      retire: `Retire it?${loses}`,
      revoke: `Revoke it for good?${loses} Nothing is encrypted for it any more, and it cannot sign in again. Whoever has your secret can sign in on another.`,
    };
    return [
      h('span', { class: 'hint', text: words[act] }),
      this.#button(`Yes, ${act}`, `Yes, ${act} ${called}`, () => this.#do(act, id, called)),
      this.#button('Keep', `Keep ${called}`, () => this.ask(undefined)),
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

  /**
   * Asks whether that is meant; without an id, no longer.
   * @param {string | undefined} id
   * @param {Act} act
   */
  ask(id, act = 'retire') {
    const before = this.#asked?.id;
    this.#asked = id === undefined ? undefined : { id, act };
    this.render();
    const row = this.#list.querySelector(`[data-key="${id ?? before}"]`);
    const button = /** @type {HTMLElement | null} */ (row?.querySelector('button') ?? null);
    (button ?? byId('devices-title')).focus();
  }

  /**
   * @param {Act} act
   * @param {string} id
   * @param {string} called
   */
  async #do(act, id, called) {
    this.#asked = undefined;
    setText(this.#problem, '');
    try {
      await (act === 'retire' ? this.#session.retire(id) : this.#session.keys.revoke(id));
      announce(`${called} is ${DONE[act]}`);
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
      h('p', { class: 'hint device-enrolled' }),
      h('p', { class: 'device-actions' })));
}
