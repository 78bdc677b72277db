/** The line below a message: when, how far it got, how much of it has passed, and what can be done about it. */

import { h, setText } from './dom.js';
import { exactly, size, timeOfDay } from './format.js';
import { icon } from './icons.js';
import { inShort, meaningOf, withOne } from './receipts.js';

/** @typedef {import('./envelope.js').Entry} Entry */
/** `held`: why it is held, if it is. @typedef {{ local: (timestamp: number) => number, nameOf: (credential: string) => string, upload: { bytes: number, total: number } | undefined, isCancellable: (entry: Entry) => boolean, cancel: (entry: Entry) => void, retry: (entry: Entry) => void, held: string }} About */

/** @type {Partial<Record<Entry['status'], import('./icons.js').IconName>>} */
const ICON = { copied: 'copy', waiting: 'clock', asked: 'clock', sent: 'check', queued: 'server', receiving: 'down', delivered: 'checks', answered: 'checks', expired: 'alert', unanswered: 'alert', failed: 'alert' };

const ENDED = ['failed', 'expired'];

/**
 * @param {HTMLElement} meta
 * @param {Entry} entry
 * @param {About} about
 */
export function updateMeta(meta, entry, about) {
  const { status, at, reason, recipients = [] } = entry;
  const passing = passingOf(entry, about.upload);
  const cancellable = status === 'waiting' && !passing && about.isCancellable(entry);
  const each = recipients.map(({ to, status, code }) => `${to} ${status} ${code}`);
  const state = JSON.stringify([status, at, reason, cancellable, passing !== undefined, entry.answer, entry.encrypted, about.held, each]);
  if (meta.dataset.state !== state) {
    meta.dataset.state = state;
    const wasOpen = meta.querySelector('details')?.open ?? false;
    const hadFocus = meta.contains(document.activeElement) && document.activeElement?.tagName;
    meta.replaceChildren(...parts(entry, about, cancellable, wasOpen));
    if (passing) meta.append(bar());
    if (hadFocus === 'SUMMARY') meta.querySelector('summary')?.focus();
  }
  if (passing) updateBar(meta, passing);
  for (const { to, ...recipient } of recipients) {
    const line = /** @type {HTMLElement | null} */ (meta.querySelector(`[data-to="${to}"]`));
    if (line) setText(line, withOne({ to, ...recipient }));
  }
}

/**
 * @param {Entry} entry
 * @param {About} about
 * @param {boolean} cancellable
 * @param {boolean} isOpen
 */
function parts(entry, about, cancellable, isOpen) {
  const { status, at, reason, recipients = [] } = entry;
  const local = about.local(at);
  /** @type {HTMLElement[]} */
  const all = [h('time', { datetime: new Date(local).toISOString(), title: exactly(local), text: timeOfDay(local) })];
  if (entry.encrypted === false) all.push(h('span', { class: 'not-encrypted' }, icon('unlocked'), h('span', { text: 'Not encrypted' })));
  const sign = ICON[status];
  const words = sign && h('span', { class: about.held ? 'status held' : `status ${status}`, title: about.held ? 'Kept on this device meanwhile.' : meaningOf(entry) }, icon(sign), h('span', { text: about.held || inShort(entry) }));
  if (words && recipients.length > 1) all.push(details(words, entry, about, isOpen));
  else if (words) all.push(words);
  if (ENDED.includes(status)) {
    all.push(h('span', { class: 'reason', text: reason ?? '' }));
    all.push(h('button', { type: 'button', class: 'link', text: 'Try again', onclick: () => about.retry(entry) }));
  }
  if (cancellable) all.push(h('button', { type: 'button', class: 'link', text: 'Cancel', onclick: () => about.cancel(entry) }));
  return all;
}

/**
 * How far it got with each.
 * @param {HTMLElement} words
 * @param {Entry} entry
 * @param {About} about
 * @param {boolean} open
 */
function details(words, { recipients = [], encrypted }, about, open) {
  const rows = recipients.map(({ to }) => h('div', {}, h('dt', { text: about.nameOf(to) }), h('dd', { 'data-to': to })));
  return h('details', { class: 'receipts', open }, h('summary', {}, words), h('dl', {}, ...rows), encrypted && h('p', { text: 'Encrypted end to end for each of them.' }));
}

/**
 * How much of a large message has passed: on its way to the server, then to the receiver.
 * @param {Entry} entry
 * @param {{ bytes: number, total: number } | undefined} upload
 * @returns {{ words: string, bytes: number, total: number } | undefined}
 */
function passingOf({ status, file, recipients = [] }, upload) {
  if (!file) return undefined;
  if (status === 'waiting' && upload) return { words: 'Sending', ...upload };
  if (status !== 'receiving') return undefined;
  const bytes = Math.max(0, ...recipients.map(({ bytes }) => bytes ?? 0));
  return { words: 'Arriving', bytes: Math.min(bytes, file.size), total: file.size };
}

/** A bar of how much has passed. */
export const bar = () => h('span', { class: 'passing' }, h('progress', { 'aria-label': 'How much of it has passed' }), h('span', { class: 'passing-words' }));

/**
 * @param {HTMLElement} parent of the bar
 * @param {{ words: string, bytes: number, total: number }} passing
 */
export function updateBar(parent, { words, bytes, total }) {
  const progress = /** @type {HTMLProgressElement} */ (parent.querySelector('progress'));
  progress.max = Math.max(total, 1);
  progress.value = bytes;
  setText(/** @type {HTMLElement} */ (parent.querySelector('.passing-words')), `${words}: ${size(bytes)} of ${size(total)}`);
}
