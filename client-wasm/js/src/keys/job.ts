/** What takes 64 MiB for a moment, so that a worker does it that is gone afterwards: deriving, and sealing backups. */

import type * as Identity from 'msgsrouter-identity';

/** Names, secrets and pass phrases are in NFC; name and e-mail address are JSON texts. */
export type Job =
  | { kind: 'derive'; name: string; email: string; secret: string }
  | { kind: 'seal'; phrase: string; entropy: Uint8Array; plain: Uint8Array }
  | { kind: 'open'; phrase: string; backup: Uint8Array };

/** What comes of it: bytes, or why there are none. */
export type Outcome = { bytes: Uint8Array; secret?: string } | { failure: string };

/** Does it. What is derived comes with what stands in `secret` on the wire. */
export function carryOut({ accountForm, derive, openBackup, sealBackup }: typeof Identity, job: Job): Outcome {
  try {
    switch (job.kind) {
      case 'derive': {
        const bytes = derive(job.name, job.email, job.secret);
        return { bytes, secret: accountForm(bytes) };
      }
      case 'seal':
        return { bytes: sealBackup(job.phrase, job.entropy, job.plain) };
      case 'open':
        return { bytes: openBackup(job.phrase, job.backup) };
    }
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}
