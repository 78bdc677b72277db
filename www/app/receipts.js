/** What became of a message of ours: its receipt, for each recipient and for all of them together. */

import { errorWords } from './errors.js';
import { size } from './format.js';

/** @typedef {import('./envelope.js').Entry} Entry */
/** @typedef {import('/pkg/index.js').RecipientStatus} RecipientStatus */
/** @typedef {import('/pkg/index.js').Status} Status */

/** @type {Record<Entry['status'], string>} */
const WORDS = {
  received: '',
  copied: 'From another device of yours',
  waiting: 'Waiting',
  sent: 'Sent',
  queued: 'On the server',
  receiving: 'Arriving',
  delivered: 'Delivered',
  expired: 'Expired',
  failed: 'Not sent',
  asked: 'Waiting for an answer',
  answered: 'Answered',
  unanswered: 'No answer',
};

/** @type {Partial<Record<Entry['status'], string>>} */
const MEANING = {
  waiting: 'Kept on this device until the server has it.',
  sent: 'Handed to the server. Whether it was read is not known.',
  queued: 'The server keeps it until a device of the receiver has it.',
  receiving: 'A device of the receiver has some of it.',
  delivered: 'A device of the receiver has it.',
  expired: 'Nobody came for it within its time.',
};

/** @type {Record<Status, string>} */
const OF_ONE = { sent: 'sent', queued: 'on the server', receiving: 'arriving', delivered: 'delivered', expired: 'expired', error: 'not delivered' };

/** Whether a receipt says what this page knows of. @param {RecipientStatus[]} recipients */
export const isKnown = (recipients) => recipients.every(({ status }) => status in OF_ONE);

/** Those whose end is not known yet, the one that is behind first. @type {Status[]} */
const OPEN = ['queued', 'receiving', 'sent'];

/**
 * What a receipt makes of an entry.
 * @param {RecipientStatus[]} recipients
 * @returns {Partial<Entry>}
 */
export function statusOf(recipients) {
  const has = (/** @type {Status} */ status) => recipients.some((recipient) => recipient.status === status);
  const status = has('receiving') ? 'receiving' : OPEN.find(has);
  const plain = recipients.map(({ to, status, bytes, code, reason }) => ({ to, status, bytes, code, reason }));
  if (status) return { status: /** @type {Entry['status']} */ (status), recipients: plain, reason: undefined };
  if (has('delivered')) return { status: 'delivered', recipients: plain, reason: undefined };
  const failed = recipients.find(({ status }) => status === 'error') ?? recipients[0];
  return { status: failed?.status === 'error' ? 'failed' : 'expired', recipients: plain, reason: failed && errorWords(failed) };
}

/** Whether nothing about it will change any more. @param {Entry} entry */
export const isOpen = ({ status }) => status === 'waiting' || status === 'queued' || status === 'receiving';

/** How far it got, in a few words. @param {Entry} entry */
export function inShort({ status, recipients = [], answer }) {
  if (status === 'answered') return `Answered: ${answer}`;
  const delivered = recipients.filter(({ status }) => status === 'delivered').length;
  if (recipients.length > 1 && delivered > 0) return delivered === recipients.length ? 'Delivered to all' : `Delivered to ${delivered} of ${recipients.length}`;
  return status === 'failed' && recipients.length ? 'Not delivered' : WORDS[status];
}

/** What that means. @param {Entry} entry */
export const meaningOf = ({ status }) => MEANING[status];

/** How far it got with one recipient. @param {RecipientStatus} recipient */
export function withOne({ status, bytes, code, reason }) {
  if (status === 'receiving' && bytes !== undefined) return `arriving, ${size(bytes)}`;
  return status === 'error' ? `${OF_ONE.error}: ${errorWords({ code, reason })}` : OF_ONE[status];
}
