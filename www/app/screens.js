/**
 * Which column a narrow window shows: the list, the talk, or the details. The browser's own back button works: each
 * step into the page is one of its history. A wide window shows all of them, and steps mean nothing there.
 */

import { byId } from './dom.js';

/** @typedef {'list' | 'talk' | 'details'} Screen */

const narrow = matchMedia('(max-width: 1119px)');

/** @returns {Screen} */
export const shown = () => /** @type {Screen} */ (byId('app').dataset.screen ?? 'list');

/** Whether the talk can be seen. */
export const talkVisible = () => !narrow.matches || shown() === 'talk' || (shown() === 'list' && innerWidth >= 760);

/** @type {() => void} */
let changed = () => {};

/** @param {Screen} screen */
function apply(screen) {
  byId('app').dataset.screen = screen;
  changed();
}

/** How many of our own steps the browser could take back. @returns {number} */
const depth = () => history.state?.depth ?? 0;

/** @param {Screen} screen */
export function show(screen) {
  if (screen === shown()) return;
  if (narrow.matches) history.pushState({ screen, depth: depth() + 1 }, '');
  else history.replaceState({ screen, depth: depth() }, '');
  apply(screen);
}

/** Starts at the list. @param {() => void} onchange */
export function setUpScreens(onchange) {
  changed = onchange;
  addEventListener('popstate', (event) => apply(event.state?.screen ?? 'list'));
  for (const button of document.querySelectorAll('[data-back]')) {
    button.addEventListener('click', () => {
      if (depth() > 0) history.back();
      else reset();
    });
  }
}

/** Back to the list at once: another person may be signing in, or what was shown is gone. */
export function reset() {
  history.replaceState(null, '');
  apply('list');
}
