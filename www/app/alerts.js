/** What nobody must overlook, wherever they are on the page: a new device of one's own, and a server that was caught. */

import { byId, h, reconcile, setText } from './dom.js';
import { icon } from './icons.js';
import { NOTICES } from './limits.js';

/** @typedef {{ key: string, device?: string, words: () => string }} Alert */
/** @typedef {{ session: import('./session.js').Session, keys: import('./keys.js').Keys, people: import('./people.js').People, revoke: (device: string) => void }} Parts */

export class Alerts {
  #parts;
  /** @type {Alert[]} */
  #alerts = [];

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
    const { session, keys, people } = parts;
    keys.on('owndevice', (device) => this.#add({ key: device, device, words: () => this.#aboutDevice(device) }));
    keys.on('alarm', ({ credential, reason }) => {
      this.#add({ key: `alarm ${credential} ${reason}`, words: () => aboutAlarm(people.nameOf(credential), reason) });
    });
    session.on('devices', () => this.#render());
    for (const type of /** @type {const} */ (['signedin', 'signedout'])) session.on(type, () => this.#set([]));
  }

  /** @param {Alert} alert */
  #add(alert) {
    if (!this.#alerts.some(({ key }) => key === alert.key)) this.#set([...this.#alerts, alert].slice(-NOTICES));
  }

  /** @param {Alert[]} alerts */
  #set(alerts) {
    this.#alerts = alerts;
    this.#render();
  }

  /** @param {string} id */
  #aboutDevice(id) {
    const name = this.#parts.session.devices.find((device) => device.id === id)?.name || `device ${id.slice(0, 4)}`;
    return `A new device signed in as you: ${name}. If that was not you, revoke it, and take another secret: somebody has this one.`;
  }

  #render() {
    reconcile(byId('alerts'), this.#alerts, ({ key }) => key, (alert) => this.#create(alert), (element, { words }) => {
      setText(/** @type {HTMLElement} */ (element.querySelector('.words')), words());
    });
    byId('alerts').hidden = this.#alerts.length === 0;
  }

  /** @param {Alert} alert */
  #create(alert) {
    const { device } = alert;
    const gone = () => this.#set(this.#alerts.filter((other) => other !== alert));
    const revoke = () => {
      gone();
      if (device) this.#parts.revoke(device);
    };
    return h('div', { class: device ? 'alert' : 'alert alarm', role: 'alert' },
      icon(device ? 'device' : 'alert'),
      h('p', { class: 'words' }),
      h('div', { class: 'buttons' },
        device !== undefined && h('button', { type: 'button', class: 'link', text: 'Revoke it', onclick: revoke }),
        h('button', { type: 'button', class: 'link', text: device ? 'It was me' : 'I see', onclick: gone })));
  }
}

/**
 * @param {string} name
 * @param {string} reason
 */
const aboutAlarm = (name, reason) =>
  `Alarm about the keys of ${name}. ${reason}. What you write to them may be held: ask them in another way, and whoever runs the server.`;
