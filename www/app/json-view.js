/** JSON for reading: laid out, strings and numbers told apart by colour. Built from text nodes, so nothing in it is markup. */

import { h } from './dom.js';

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gu;

/**
 * @param {string} json laid out already
 * @returns {HTMLPreElement}
 */
export function jsonView(json) {
  const pre = h('pre', { class: 'json' });
  let at = 0;
  for (const match of json.matchAll(TOKEN)) {
    pre.append(json.slice(at, match.index));
    const [whole, string, colon] = match;
    if (string && colon) pre.append(h('b', { text: string }), colon);
    else pre.append(h(string ? 'q' : 'i', { text: whole }));
    at = match.index + whole.length;
  }
  pre.append(json.slice(at));
  return pre;
}

/**
 * Lays out what is JSON; anything else stays as it is.
 * @param {string} text
 */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
