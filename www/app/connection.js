/** The connection, live: its state, the clock's offset, round trips, what waits, and who we are to others. */

import { copyButton } from './clipboard.js';
import { byId, h, setText } from './dom.js';
import { milliseconds, timeOfDay } from './format.js';
import { ROUND_TRIPS } from './limits.js';

/** @typedef {{ session: import('./session.js').Session, inspect: () => void, signOut: () => void }} Parts */

const STATES = ['Not connected', 'Connecting', 'Connected'];
const SVG = 'http://www.w3.org/2000/svg';
const GRAPH = { width: 100, height: 24 };

export class ConnectionPanel {
  #session;
  /** @type {number[]} */
  #roundTrips = [];
  #values = {
    state: h('dd', { id: 'connection-state', 'aria-live': 'polite' }),
    since: h('dd'),
    server: h('dd'),
    offset: h('dd', { id: 'connection-offset' }),
    roundTrip: h('dd', { id: 'connection-round-trip' }),
    outbox: h('dd', { id: 'connection-outbox' }),
  };
  #credential = h('p', { class: 'credential', id: 'own-credential' });
  #graph = document.createElementNS(SVG, 'polyline');

  /** @param {Parts} parts */
  constructor({ session, inspect, signOut }) {
    this.#session = session;
    const { state, since, server, offset, roundTrip, outbox } = this.#values;
    const graph = document.createElementNS(SVG, 'svg');
    graph.setAttribute('class', 'graph');
    graph.setAttribute('viewBox', `0 0 ${GRAPH.width} ${GRAPH.height}`);
    graph.setAttribute('preserveAspectRatio', 'none');
    graph.setAttribute('aria-hidden', 'true');
    graph.append(this.#graph);
    const row = (/** @type {string} */ term, /** @type {HTMLElement} */ value) => h('div', {}, h('dt', { text: term }), value);
    byId('connection').replaceChildren(
      h('h2', { id: 'connection-title', text: 'Connection', tabindex: '-1' }),
      h('dl', { class: 'facts-list' }, row('State', state), row('Since', since), row('Server', server), row('Round trip', roundTrip)),
      graph,
      h('dl', { class: 'facts-list' }, row('Clock offset', offset), row('Waiting to be sent', outbox)),
      h('h3', { text: 'Your credential' }),
      this.#credential,
      h('p', { class: 'hint', text: 'Your address: give it to whoever should write to you.' }),
      h('div', { class: 'buttons' },
        h('button', { type: 'button', class: 'button small', id: 'inspect', 'aria-expanded': 'false', 'aria-controls': 'inspector', text: 'Inspect frames', onclick: inspect }),
        h('button', { type: 'button', class: 'button small', id: 'sign-out', text: 'Sign out', onclick: signOut })),
    );
    session.on('roundtrip', (ms) => {
      this.#roundTrips = [...this.#roundTrips, ms].slice(-ROUND_TRIPS);
      this.render();
    });
    session.on('signedin', () => (this.#roundTrips = []));
    for (const type of /** @type {const} */ (['state', 'outbox', 'signedin', 'close'])) session.on(type, () => this.render());
  }

  render() {
    const session = this.#session;
    if (!session.signedIn) return;
    const { state, since, server, offset, roundTrip, outbox } = this.#values;
    setText(state, STATES[session.state]);
    state.dataset.state = String(session.state);
    setText(since, timeOfDay(session.since));
    setText(server, session.identity?.server.replace(/^wss?:\/\//u, '') ?? '');
    server.title = session.identity?.server ?? '';
    setText(offset, session.registered ? milliseconds(session.offset) : '–');
    setText(roundTrip, session.registered && session.roundTrip !== undefined ? milliseconds(session.roundTrip) : '–');
    setText(outbox, session.outbox === 1 ? '1 message' : `${session.outbox} messages`);
    if (this.#credential.dataset.credential !== session.credential) {
      this.#credential.dataset.credential = session.credential;
      this.#credential.replaceChildren(h('code', { text: session.credential }), copyButton('your credential', () => session.credential));
    }
    this.#draw();
  }

  #draw() {
    const highest = Math.max(10, ...this.#roundTrips);
    const step = GRAPH.width / (ROUND_TRIPS - 1);
    const start = GRAPH.width - step * (this.#roundTrips.length - 1);
    const points = this.#roundTrips.map((ms, at) => `${(start + at * step).toFixed(1)},${(GRAPH.height - 2 - (ms / highest) * (GRAPH.height - 4)).toFixed(1)}`);
    this.#graph.setAttribute('points', points.join(' '));
  }
}
