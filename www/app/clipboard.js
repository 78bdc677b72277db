/** Copying, also where the page is served without TLS and the browser has no clipboard for it. */

import { announce } from './announce.js';
import { h } from './dom.js';
import { icon } from './icons.js';

/** @param {string} text */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = h('textarea', { class: 'sr-only', 'aria-hidden': 'true' });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

/**
 * A button that copies.
 * @param {string} what for its label: “your credential”
 * @param {() => string} text as it is when it is copied
 */
export function copyButton(what, text) {
  const button = h('button', { type: 'button', class: 'icon-button small', 'aria-label': `Copy ${what}`, title: `Copy ${what}` }, icon('copy'));
  button.addEventListener('click', async () => {
    try {
      await copy(text());
      button.replaceChildren(icon('check'));
      announce('Copied');
      setTimeout(() => button.replaceChildren(icon('copy')), 1500);
    } catch {
      announce('The browser did not allow copying');
    }
  });
  return button;
}
