/** A message on its way from the page to the session. */

import type { WireDraft } from 'msgsrouter-wasm';
import { invalid } from './error.ts';
import type { SendOptions } from './receipt.ts';
import { bytesOf, isBytes, recipients, spell, string } from './spell.ts';

/** A message, checked; its recipients are as the page names them. */
export interface Draft extends Omit<WireDraft, 'to'> {
  recipients: string[];
}

/** The message; `'self'` is not replaced yet, for which the WebAssembly is needed. */
export function draftOf(to: string | string[], subject: string, content: unknown, more: Partial<Draft>): Draft {
  const { expireAfter, request = 0, id = '' } = more;
  if (typeof (expireAfter ?? 0) !== 'number') throw invalid('expireAfter must be a number of ms');
  if (typeof request !== 'number') throw invalid('timeout must be a number of ms');
  string('id', id);
  const bytes = isBytes(content) ? bytesOf(content) : undefined;
  return {
    recipients: recipients(to),
    subject: JSON.stringify(string('subject', subject)),
    content: bytes ? 'null' : spell(content),
    // As it is now: the page may change it while the WebAssembly is loaded.
    bytes: bytes?.slice(),
    expireAfter: undefined,
    realtime: false,
    id: undefined,
    request: undefined,
    replyTo: undefined,
    encrypt: 'auto',
    allowPlain: false,
    ...more,
  };
}

/** Whether and how it is to be encrypted. */
export function encryption({ encrypt = 'auto', allowPlain }: SendOptions, allowed: boolean): Pick<Draft, 'encrypt' | 'allowPlain'> {
  if (!['auto', 'required', 'off'].includes(encrypt)) throw invalid(`encrypt must be 'auto', 'required' or 'off'`);
  return { encrypt, allowPlain: allowPlain ?? allowed };
}
