/**
 * The raw frames, as they pass: those of version 1 as text, those of version 2 as what they say. They are
 * recorded while the drawer is open; the secret's hash is never shown.
 */

import { byId, h, setText } from './dom.js';
import { size } from './format.js';
import { jsonView, pretty } from './json-view.js';
import { FRAME_CHARS, FRAMES } from './limits.js';
import { framesOf } from './wire.js';

/** @typedef {import('./session.js').Frame} Frame */
/** @typedef {{ direction: 'in' | 'out', time: number, about: string, preview: string, text: string, bytes: number }} Shown */

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hour12: false });
const SECRET = /("secret"\s*:\s*)"(?:\\.|[^"\\])*"/gu;
const encoder = new TextEncoder();

/** @param {string} text */
function subjectOf(text) {
  try {
    return String(JSON.parse(text).subject ?? '');
  } catch {
    return 'not JSON';
  }
}

/**
 * What to show of what passed: a message of version 1 is one frame, one of version 2 may be several.
 * @param {Frame} frame
 * @returns {Shown[]}
 */
function shownOf({ direction, text, bytes, time }) {
  if (!bytes) {
    const shown = withoutSecret(text);
    return [{ direction, time, about: subjectOf(text), preview: shown, text: shown, bytes: encoder.encode(text).length }];
  }
  return framesOf(bytes).map(({ name, size, fields }) => {
    const shown = withoutSecret(JSON.stringify(fields));
    // What was said is what one looks for first.
    const preview = fields.content === undefined ? shown : JSON.stringify(fields.content);
    return { direction, time, about: aboutOf(name, fields), preview, text: shown, bytes: size };
  });
}

/** @param {string} text */
const withoutSecret = (text) => text.replace(SECRET, '$1"(hidden)"');

/**
 * @param {string} name
 * @param {Record<string, unknown>} fields
 */
const aboutOf = (name, { subject }) => (typeof subject === 'string' && subject ? `${name} · ${subject}` : name);

export class Inspector {
  #count = 0;
  #paused = false;
  #filter = /** @type {HTMLInputElement} */ (byId('inspector-filter'));
  #direction = /** @type {HTMLSelectElement} */ (byId('inspector-direction'));
  /** @type {Map<HTMLElement, Shown>} */
  #rows = new Map();

  /** @param {import('./session.js').Session} session */
  constructor(session) {
    session.on('frame', (frame) => {
      if (byId('inspector').hidden || this.#paused) return;
      for (const shown of shownOf(frame)) this.#record(shown);
    });
    session.on('signedout', () => this.#clear());
    this.#filter.addEventListener('input', () => this.#filterAll());
    this.#direction.addEventListener('change', () => this.#filterAll());
    byId('inspector-clear').addEventListener('click', () => this.#clear());
    byId('inspector-close').addEventListener('click', () => this.toggle());
    byId('inspector-pause').addEventListener('click', () => this.#pause(!this.#paused));
    byId('inspector').addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && event.target !== this.#filter) this.toggle();
    });
  }

  toggle() {
    const drawer = byId('inspector');
    drawer.hidden = !drawer.hidden;
    byId('app').classList.toggle('inspecting', !drawer.hidden);
    byId('inspect').setAttribute('aria-expanded', String(!drawer.hidden));
    byId('inspect').textContent = drawer.hidden ? 'Inspect frames' : 'Close the inspector';
    if (drawer.hidden) byId('inspect').focus();
    else this.#filter.focus();
    this.#tell();
  }

  /** @param {boolean} paused */
  #pause(paused) {
    this.#paused = paused;
    byId('inspector-pause').setAttribute('aria-pressed', String(paused));
    byId('inspector-pause').textContent = paused ? 'Resume' : 'Pause';
    this.#tell();
  }

  /** @param {Shown} frame */
  #record(frame) {
    const row = this.#row(frame);
    this.#rows.set(row, frame);
    row.hidden = !this.#fits(frame);
    const scroll = /** @type {HTMLElement} */ (byId('frames').parentElement);
    const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 40;
    byId('frames').append(row);
    if (this.#rows.size > FRAMES) {
      const [oldest] = this.#rows.keys();
      this.#rows.delete(oldest);
      oldest.remove();
    }
    this.#count += 1;
    if (atEnd) scroll.scrollTop = scroll.scrollHeight;
    this.#tell();
  }

  /** @param {Shown} frame */
  #row({ direction, about, preview, text, time, bytes }) {
    const details = h('details', {},
      h('summary', {},
        h('span', { class: `direction ${direction}`, text: direction }),
        h('span', { class: 'frame-time', text: clock.format(time) }),
        h('span', { class: 'frame-subject', text: about }),
        h('span', { class: 'frame-preview', text: preview.slice(0, 300) }),
        h('span', { class: 'frame-size', text: size(bytes) })));
    // Laid out only when somebody wants to read it.
    details.addEventListener('toggle', () => {
      if (details.open && details.childElementCount === 1) details.append(jsonView(shortened(pretty(text))));
    });
    return h('li', {}, details);
  }

  /** @param {Shown} frame */
  #fits({ direction, about, text }) {
    const keyword = this.#filter.value.trim().toLowerCase();
    return (!this.#direction.value || this.#direction.value === direction) && `${about} ${text}`.toLowerCase().includes(keyword);
  }

  #filterAll() {
    for (const [row, frame] of this.#rows) row.hidden = !this.#fits(frame);
    this.#tell();
  }

  #clear() {
    this.#rows.clear();
    this.#count = 0;
    byId('frames').replaceChildren();
    this.#tell();
  }

  #tell() {
    const shown = [...this.#rows.keys()].filter((row) => !row.hidden).length;
    const dropped = this.#count - this.#rows.size;
    setText(byId('inspector-count'), `${shown} of ${this.#rows.size}${dropped ? `, ${dropped} older dropped` : ''}${this.#paused ? ', paused' : ''}`);
    byId('inspector-empty').hidden = shown > 0;
    setText(byId('inspector-empty'), this.#emptyWords());
  }

  #emptyWords() {
    if (this.#rows.size > 0) return 'No frame fits the filter.';
    return this.#paused ? 'Paused: nothing is recorded.' : 'Recording. Frames show here as they pass.';
  }
}

/** @param {string} text */
const shortened = (text) => (text.length > FRAME_CHARS ? `${text.slice(0, FRAME_CHARS)}\n… ${text.length - FRAME_CHARS} more characters` : text);
