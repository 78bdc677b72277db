/** Whether a peer or a message, of either dialect of version 1, hashes to what it says. */

import { MESSAGE, MESSAGE_B, PEER, PEER_B, hashOf } from './hash.ts';
import { wasm } from './wasm.ts';

type Members = Record<string, unknown>;

/** Whether the credential of `peer` is the one its name, e-mail address (or `contact`) and secret give. */
export function validateCredential(peer: unknown): boolean {
  wasm();
  return isTrue(() => {
    const { credential, name, email, contact, secret } = peer as Members;
    if (![credential, name, email ?? contact, secret].every(isString)) return false;
    if (email !== undefined) return credential === hashOf(PEER, json(name), json(email), json(secret));
    if (!name || !contact || !secret) return false;
    return credential === hashOf(PEER_B, json(name), json(contact), json(secret));
  });
}

/** Whether the checksum of `message` is the one its other members give. */
export function validateMessage(message: unknown): boolean {
  wasm();
  return isTrue(() => {
    const { checksum, to, from, subject, timestamp, content, signature, sessid } = message as Members;
    if (![checksum, from, subject].every(isString) || !isRecipients(to) || !Number.isFinite(timestamp)) return false;
    const members = [to, from, subject, timestamp, content].map(json);
    if (signature === undefined && sessid === undefined) return checksum === hashOf(MESSAGE, ...members);
    return checksum === hashOf(MESSAGE_B, ...members, json(signature), json(sessid));
  });
}

function isString(value: unknown): boolean {
  return typeof value === 'string';
}

function isRecipients(to: unknown): boolean {
  return isString(to) || (Array.isArray(to) && to.every(isString));
}

/** The JSON text of a value; throws for what has none. */
function json(value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError('not a JSON value');
  return text;
}

/** What throws while it is looked at (no object, a getter, a cycle) is not valid. */
function isTrue(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}
