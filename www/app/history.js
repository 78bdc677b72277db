/**
 * Keeps conversations over a reload, in the storage of this tab: it is gone when the tab is closed or the person signs
 * out, and no other tab sees it. Bounded: the oldest messages give way first. What waits to be sent is kept by the package.
 */

import { STORED_CHARS } from './limits.js';

/** @typedef {import('./conversations.js').Conversation} Conversation */
/** @typedef {import('./people.js').Person} Person */

/** @param {string} credential */
const keyOf = (credential) => `msr.history.${credential}`;

/**
 * @param {string} credential
 * @returns {{ conversations: Conversation[], people: Person[] }}
 */
export function load(credential) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(keyOf(credential)) ?? '{}');
    return { conversations: kept.conversations ?? [], people: kept.people ?? [] };
  } catch {
    return { conversations: [], people: [] };
  }
}

/**
 * @param {string} credential
 * @param {Conversation[]} conversations the latest first
 * @param {Person[]} people
 */
export function save(credential, conversations, people) {
  try {
    sessionStorage.setItem(keyOf(credential), JSON.stringify({ conversations: withinBounds(conversations), people }));
  } catch {
    // No storage, or none left: the conversations last as long as the page.
  }
}

/** @param {string} credential */
export function forget(credential) {
  try {
    sessionStorage.removeItem(keyOf(credential));
  } catch {
    // Then nothing was kept either.
  }
}

/**
 * The newest entries of all conversations that fit together.
 * @param {Conversation[]} conversations
 */
function withinBounds(conversations) {
  const newest = conversations
    .flatMap(({ id, entries }) => entries.map((entry, index) => ({ id, index, entry })))
    .sort((a, b) => b.entry.at - a.entry.at);
  let room = STORED_CHARS;
  /** @type {Map<string, number>} */
  const from = new Map();
  for (const { id, index, entry } of newest) {
    room -= 200 + (entry.text?.length ?? 0) + (entry.json?.length ?? 0);
    if (room < 0) break;
    from.set(id, Math.min(from.get(id) ?? index, index));
  }
  return conversations.map((conversation) => ({ ...conversation, entries: conversation.entries.slice(from.get(conversation.id) ?? conversation.entries.length) }));
}
