/** Whether a peer or a message, of either dialect of version 1, hashes to what it says. */

import { wasm } from './wasm.ts';

type Members = Record<string, unknown>;

/** Whether the credential of `peer` is the one its name, e-mail address (or `contact`) and secret give. */
export function validateCredential(peer: unknown): boolean {
  const bindings = wasm();
  return isTrue(() => {
    const { credential, name, email, contact, secret } = peer as Members;
    if (![credential, name, email ?? contact, secret].every(isString)) return false;
    if (email !== undefined) return credential === bindings.peerCredential(json(name), json(email), json(secret));
    if (!name || !contact || !secret) return false;
    return credential === bindings.peerCredentialB(json(name), json(contact), json(secret));
  });
}

/** Whether the checksum of `message` is the one its other members give. */
export function validateMessage(message: unknown): boolean {
  const bindings = wasm();
  return isTrue(() => {
    const { checksum, to, from, subject, timestamp, content, signature, sessid } = message as Members;
    if (![checksum, from, subject].every(isString) || !isRecipients(to) || !Number.isFinite(timestamp)) return false;
    if (signature === undefined && sessid === undefined) {
      return checksum === bindings.messageChecksum(json(to), json(from), json(subject), json(timestamp), json(content));
    }
    const { messageChecksumB } = bindings;
    return checksum === messageChecksumB(json(to), json(from), json(subject), json(timestamp), json(content), json(signature), json(sessid));
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
