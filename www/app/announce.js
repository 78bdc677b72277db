/** Says something to those who listen to the page instead of looking at it. */

import { byId } from './dom.js';

/** @param {string} text */
export function announce(text) {
  const announcer = byId('announcer');
  // The same words twice are no change, and so would not be read again.
  announcer.textContent = announcer.textContent === text ? `${text} ` : text;
}
