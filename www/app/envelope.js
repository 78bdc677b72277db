/**
 * What this page puts into a message and takes out of one. Its own messages have the subject `talk` and the content
 * `{id, name, text}`: `id` makes a message that comes back (a note to self, a second window, a retry) the same message,
 * `name` is what the sender calls himself, unproven, so that one who is not listed is not nameless. A question is a
 * request of the subject `talk.ask`, with the same content; what answers it has `{id, answer}`. A file has the subject
 * `talk.file` and is bytes: the length of a header as 4 bytes, little-endian; the header, JSON `{id, name, file}`; the
 * file. Messages of any other subject or content are shown as they are.
 */

import { FILE_HEADER_BYTES, TEXT_CHARS } from './limits.js';

export const SUBJECT = 'talk';
export const ASK = 'talk.ask';
export const FILE = 'talk.file';

/** @typedef {{ to: string[] | string, from: string, subject: string, timestamp: number, content: any, checksum?: string, wantsReply?: boolean, encrypted?: boolean }} Incoming */
/** @typedef {import('/pkg/index.js').RecipientStatus} RecipientStatus */
/** @typedef {'received' | 'copied' | 'waiting' | 'sent' | 'queued' | 'receiving' | 'delivered' | 'expired' | 'failed' | 'asked' | 'answered' | 'unanswered'} EntryStatus */
/**
 * `encrypted`: end to end; not known of one that waits, or of old.
 * `recipients`: how far it got with each; `keepMs`: how long it is kept for them, 0 for not at all; `answer`: to a question.
 * @typedef {{ id: string, from: string, at: number, status: EntryStatus, text?: string, subject?: string, json?: string, reason?: string, encrypted?: boolean, recipients?: RecipientStatus[], keepMs?: number, question?: boolean, answer?: string, file?: { name: string, size: number } }} Entry
 */
/** @typedef {{ entry: Entry, name?: string, file?: Uint8Array<ArrayBuffer>, answers?: boolean }} Opened */

/** What a `Date` can show, with room for the offset that is added to it. */
const LATEST_MS = 8e15;

const CREDENTIAL = /^[0-9a-f]{32}$/u;

/** When it was sent. A sender may write any number there; one that is no time counts as now. @param {number} timestamp */
const sentAt = (timestamp) => (Number.isFinite(timestamp) && Math.abs(timestamp) <= LATEST_MS ? timestamp : Date.now());

/** @param {string} text */
const bounded = (text) => (text.length > TEXT_CHARS ? `${text.slice(0, TEXT_CHARS)}… (${text.length - TEXT_CHARS} characters left out)` : text);

/**
 * @param {Incoming} message
 * @returns {Opened}
 */
export function open(message) {
  const { subject, content, from, timestamp, encrypted } = message;
  const at = sentAt(timestamp);
  /** @param {any} content @returns {Entry} */
  const entryOf = ({ id }) => ({ id: typeof id === 'string' ? id.slice(0, 64) : fallbackId(message), from, at, status: 'received', encrypted });
  if (content instanceof Uint8Array) {
    const parts = subject === FILE ? split(content) : undefined;
    if (!parts) return { entry: { ...entryOf({}), subject: subject.slice(0, 200), json: JSON.stringify(`${content.length} bytes`) } };
    const { header, bytes } = parts;
    const file = { name: typeof header.file === 'string' ? header.file.slice(0, 200) : 'Nameless', size: bytes.length };
    return { entry: { ...entryOf(header), file }, name: nameIn(header), file: bytes };
  }
  if (subject === ASK && typeof content?.answer === 'string') {
    return { entry: { ...entryOf(content), answer: content.answer.slice(0, 200) }, answers: true };
  }
  if ((subject === SUBJECT || subject === ASK) && typeof content?.text === 'string') {
    const question = subject === ASK || undefined;
    return { entry: { ...entryOf(content), text: bounded(content.text), question }, name: nameIn(content) };
  }
  const json = bounded(JSON.stringify(content, null, 2) ?? 'null');
  return { entry: { id: fallbackId(message), from, at, status: 'received', encrypted, subject: subject.slice(0, 200), json } };
}

/** @param {Incoming} message */
const fallbackId = ({ checksum, timestamp }) => `${checksum ?? ''}:${timestamp}`;

/**
 * @param {Entry} entry
 * @param {string} name
 */
export const seal = ({ id, text }, name) => ({ id, name, text });

/**
 * @param {Entry} entry
 * @param {string} name
 * @param {Uint8Array} bytes of the file
 */
export function sealFile({ id, file }, name, bytes) {
  const header = new TextEncoder().encode(JSON.stringify({ id, name, file: file?.name }));
  const sealed = new Uint8Array(4 + header.length + bytes.length);
  new DataView(sealed.buffer).setUint32(0, header.length, true);
  sealed.set(header, 4);
  sealed.set(bytes, 4 + header.length);
  return sealed;
}

/** @param {any} content */
const nameIn = ({ name }) => (typeof name === 'string' ? name.slice(0, 200) : undefined);

/**
 * @param {Uint8Array} content
 * @returns {{ header: any, bytes: Uint8Array<ArrayBuffer> } | undefined}
 */
function split(content) {
  if (content.length < 4) return undefined;
  const length = new DataView(content.buffer, content.byteOffset).getUint32(0, true);
  if (length > FILE_HEADER_BYTES || 4 + length > content.length) return undefined;
  try {
    const header = JSON.parse(new TextDecoder().decode(content.subarray(4, 4 + length)));
    return { header: typeof header === 'object' && header ? header : {}, bytes: content.slice(4 + length) };
  } catch {
    return undefined;
  }
}

/**
 * Who talks in it besides ourselves: to all recipients and the sender belongs one conversation, whoever of them writes.
 * What a sender names that is no credential reaches nobody.
 * @param {Incoming} message
 * @param {string} self
 */
export const participants = ({ to, from }, self) =>
  [...new Set([from, ...[to].flat()])].filter((name) => typeof name === 'string' && CREDENTIAL.test(name) && name !== self);
