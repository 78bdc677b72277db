/** What a message says: text, a file, a question, or the data of another program. All of it is text, none of it markup. */

import { h } from './dom.js';
import { fileOf, saveFile } from './files.js';
import { size } from './format.js';
import { icon } from './icons.js';
import { jsonView } from './json-view.js';

/** @typedef {import('./envelope.js').Entry} Entry */

export const ANSWERS = /** @type {const} */ (['Yes', 'No']);

/** @param {Entry} entry */
export function bubble(entry) {
  const { text, file, question, subject, json } = entry;
  if (file) return fileBubble(entry);
  if (question) return h('div', { class: 'bubble question', dir: 'auto' }, h('p', { class: 'asked', text }), h('div', { class: 'answers' }));
  if (json === undefined) return h('p', { class: 'bubble', dir: 'auto', text });
  return h('div', { class: 'bubble data' }, h('p', { class: 'subject', text: subject || 'No subject' }), jsonView(json));
}

/** @param {Entry} entry */
function fileBubble(entry) {
  const { name, size: bytes } = /** @type {{ name: string, size: number }} */ (entry.file);
  return h('div', { class: 'bubble file' },
    icon('file'),
    h('div', { class: 'file-text' }, h('p', { class: 'file-name', dir: 'auto', text: name }), h('p', { class: 'file-size', text: size(bytes) })),
    fileOf(entry)
      ? h('button', { type: 'button', class: 'link', 'aria-label': `Save ${name}`, text: 'Save', onclick: () => saveFile(entry) })
      : h('span', { class: 'file-size', text: 'not kept over the reload' }));
}

/**
 * Shows what has become of a question.
 * @param {HTMLElement} element of the entry
 * @param {Entry} entry
 * @param {boolean} own
 * @param {boolean} canAnswer
 * @param {(answer: string) => void} answer
 */
export function updateQuestion(element, entry, own, canAnswer, answer) {
  const answers = /** @type {HTMLElement | null} */ (element.querySelector('.answers'));
  if (!answers) return;
  const state = own ? 'own' : `${entry.answer} ${canAnswer}`;
  if (answers.dataset.state === state) return;
  answers.dataset.state = state;
  answers.hidden = own;
  if (own) return;
  if (entry.answer !== undefined) return answers.replaceChildren(h('p', { class: 'hint', text: `You answered: ${entry.answer}` }));
  if (!canAnswer) return answers.replaceChildren(h('p', { class: 'hint', text: 'It can no longer be answered here.' }));
  answers.replaceChildren(...ANSWERS.map((word) => h('button', { type: 'button', class: 'button small', text: word, onclick: () => answer(word) })));
}

/** What a message says, on one line. @param {Entry} entry */
export function gist({ text, file, question, subject, json }) {
  if (file) return `File ${file.name}`;
  if (question) return `Question: ${text}`;
  return text ?? `${subject}: ${json}`;
}
