/** Does a job in a worker that is gone afterwards; where none can be had, here. */

import { inWorker } from '#host';
import * as CODE from '../code.ts';
import { MsrError } from '../error.ts';
import { identityModule } from '../modules.ts';
import { carryOut, type Job } from './job.ts';

/** The key that comes of the job; rejects with an `MsrError`. */
export async function apart(job: Job): Promise<Uint8Array> {
  const key = await inWorker(job).catch(async () => carryOut(await identityModule(), job));
  if (!key) throw new MsrError(CODE.NO_DEVICE_KEYS, '64 MiB of memory are needed for a moment');
  return key;
}
