/** Numbers, times and names, for people. */

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'long' });
const date = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' });
const shortDate = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const precise = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const DAY_MS = 86_400_000;

/** @param {number} ms */
const midnight = (ms) => new Date(ms).setHours(0, 0, 0, 0);

/** @param {number} ms */
export const timeOfDay = (ms) => clock.format(ms);

/** @param {number} ms */
export const exactly = (ms) => precise.format(ms);

/** @param {number} ms */
export function day(ms) {
  const days = Math.round((midnight(Date.now()) - midnight(ms)) / DAY_MS);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return days > 1 && days < 7 ? weekday.format(ms) : date.format(ms);
}

/** A time in a sentence: the hour today, the date and the hour before. @param {number} ms */
export const moment = (ms) => (midnight(ms) === midnight(Date.now()) ? clock.format(ms) : `${shortDate.format(ms)}, ${clock.format(ms)}`);

/** A day in a sentence. @param {number} ms */
export const since = (ms) => `since ${day(ms) === 'Today' ? timeOfDay(ms) : date.format(ms)}`;

/** A time for a list: the hour today, the date before. @param {number} ms */
export const briefly = (ms) => (midnight(ms) === midnight(Date.now()) ? clock.format(ms) : shortDate.format(ms));

/** @param {string} credential */
export const shortCredential = (credential) => `${credential.slice(0, 4)} ${credential.slice(4, 8)}`;

/** @param {string} name */
export function initials(name) {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  const first = (/** @type {string} */ word) => [...word][0] ?? '';
  const letters = words.length > 1 ? first(words[0]) + first(words[words.length - 1]) : [...(words[0] ?? '?')].slice(0, 2).join('');
  return letters.toLocaleUpperCase();
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/** @param {number} ms */
export const milliseconds = (ms) => `${Math.abs(ms) < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;

/** @param {number} ms */
export function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/**
 * “Ada”, “Ada and Bo”, “Ada, Bo and 2 others”.
 * @param {string[]} names
 */
export function listed(names) {
  if (names.length < 2) return names.join('');
  if (names.length < 4) return `${names.slice(0, -1).join(', ')} and ${names[names.length - 1]}`;
  return `${names.slice(0, 2).join(', ')} and ${names.length - 2} others`;
}
