/** A round sign for a person: initials, in a colour that the credential decides. */

import { h } from './dom.js';
import { initials } from './format.js';
import { icon } from './icons.js';

/**
 * @param {string} credential
 * @param {string} name as shown; without one there are no initials
 * @param {number} [letters] how many there is room for
 * @returns {HTMLElement}
 */
export function avatar(credential, name, letters = 2) {
  const element = h('span', { class: 'avatar', 'aria-hidden': 'true', text: [...(name ? initials(name) : credential)].slice(0, letters).join('') });
  element.style.setProperty('--hue', String((parseInt(credential.slice(0, 6), 16) || 0) % 360));
  return element;
}

/**
 * The sign of a conversation: one person, two of several, or a note.
 * @param {string[]} members
 * @param {(credential: string) => string} nameOf
 * @returns {HTMLElement}
 */
export function avatars(members, nameOf) {
  if (members.length === 0) return h('span', { class: 'avatar note', 'aria-hidden': 'true' }, icon('note'));
  if (members.length === 1) return avatar(members[0], nameOf(members[0]));
  return h('span', { class: 'avatar-pair', 'aria-hidden': 'true' }, ...members.slice(0, 2).map((member) => avatar(member, nameOf(member), 1)));
}
