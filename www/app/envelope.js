/**
 * What this page puts into a message and takes out of one. Its own messages have the subject `talk` and the content
 * `{id, name, text}`: `id` makes a message that comes back (a note to self, a second window, a retry) the same message,
 * `name` is what the sender calls himself, unproven, so that one who is not listed is not nameless. Messages of any
 * other subject or content are shown as they are.
 */

import { TEXT_CHARS } from './limits.js';

export const SUBJECT = 'talk';

/** @typedef {{ to: string[] | string, from: string, subject: string, timestamp: number, content: any, checksum?: string }} Incoming */
/** @typedef {{ id: string, from: string, at: number, status: 'received' | 'waiting' | 'sent' | 'failed', text?: string, subject?: string, json?: string, reason?: string }} Entry */

/** What a `Date` can show, with room for the offset that is added to it. */
const LATEST_MS = 8e15;

const CREDENTIAL = /^[0-9a-f]{32}$/u;

/** When it was sent. A sender may write any number there; one that is no time counts as now. @param {number} timestamp */
const sentAt = (timestamp) => (Number.isFinite(timestamp) && Math.abs(timestamp) <= LATEST_MS ? timestamp : Date.now());

/** @param {string} text */
const bounded = (text) => (text.length > TEXT_CHARS ? `${text.slice(0, TEXT_CHARS)}… (${text.length - TEXT_CHARS} characters left out)` : text);

/**
 * @param {Incoming} message
 * @returns {{ entry: Entry, name?: string }}
 */
export function open(message) {
  const { subject, content, from, timestamp } = message;
  const at = sentAt(timestamp);
  if (subject === SUBJECT && typeof content?.text === 'string') {
    const id = typeof content.id === 'string' ? content.id.slice(0, 64) : fallbackId(message);
    const name = typeof content.name === 'string' ? content.name.slice(0, 200) : undefined;
    return { entry: { id, from, at, status: 'received', text: bounded(content.text) }, name };
  }
  const json = bounded(JSON.stringify(content, null, 2) ?? 'null');
  return { entry: { id: fallbackId(message), from, at, status: 'received', subject: subject.slice(0, 200), json } };
}

/** @param {Incoming} message */
const fallbackId = ({ checksum, timestamp }) => `${checksum ?? ''}:${timestamp}`;

/**
 * @param {Entry} entry
 * @param {string} name
 */
export const seal = ({ id, text }, name) => ({ id, name, text });

/**
 * Who talks in it besides ourselves: to all recipients and the sender belongs one conversation, whoever of them writes.
 * What a sender names that is no credential reaches nobody.
 * @param {Incoming} message
 * @param {string} self
 */
export const participants = ({ to, from }, self) =>
  [...new Set([from, ...[to].flat()])].filter((name) => typeof name === 'string' && CREDENTIAL.test(name) && name !== self);
