/** What takes 64 MiB for a moment, so that a worker does it that is gone afterwards: keys from words that people know. */

import type * as Identity from 'msgsrouter-identity';

/** Secrets and pass phrases are in NFC; name and e-mail address are JSON texts. */
export type Job =
  | { kind: 'account'; name: string; email: string; secret: string }
  | { kind: 'backup'; phrase: string; salt: Uint8Array };

/** The key; nothing where there is no room for the work. */
export function carryOut({ backupKey, derive }: typeof Identity, job: Job): Uint8Array | undefined {
  return job.kind === 'account' ? derive(job.name, job.email, job.secret) : backupKey(job.phrase, job.salt);
}
