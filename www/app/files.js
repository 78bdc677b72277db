/** The files of messages, in memory alone: a reload forgets them, and what the conversation says of them stays. */

import { h } from './dom.js';
import { FILES_BYTES } from './limits.js';

/** @type {Map<string, Uint8Array<ArrayBuffer>>} */
const files = new Map();

/** @param {import('./envelope.js').Entry} entry */
const keyOf = ({ from, id }) => `${from} ${id}`;

/**
 * @param {import('./envelope.js').Entry} entry
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
export function keepFile(entry, bytes) {
  files.set(keyOf(entry), bytes);
  let kept = 0;
  for (const [key, { length }] of [...files].reverse()) {
    kept += length;
    if (kept > FILES_BYTES) files.delete(key);
  }
}

/** @param {import('./envelope.js').Entry} entry */
export const fileOf = (entry) => files.get(keyOf(entry));

export const forgetFiles = () => files.clear();

/**
 * Hands a file to the browser's downloads. Whatever it says it is, it is saved and never shown.
 * @param {import('./envelope.js').Entry} entry
 */
export function saveFile(entry) {
  const bytes = fileOf(entry);
  if (!bytes) return;
  saveBytes(bytes, entry.file?.name ?? 'file');
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {string} name
 */
export function saveBytes(bytes, name) {
  const url = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }));
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
