/** Does a job in a worker that is gone afterwards; where none can be had, here. */

import { inWorker } from '#host';
import { identityModule } from '../modules.ts';
import { errorOfText } from './error.ts';
import { carryOut, type Job, type Outcome } from './job.ts';

/** What comes of the job; rejects with an `MsrError`. */
export async function apart(job: Job): Promise<Extract<Outcome, { bytes: Uint8Array }>> {
  const outcome = await inWorker(job).catch(async () => carryOut(await identityModule(), job));
  if ('failure' in outcome) throw errorOfText(outcome.failure);
  return outcome;
}
