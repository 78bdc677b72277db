/** The worker of a page that does one job, and is gone then. */

import load, * as bindings from 'msgsrouter-identity';
import { carryOut, type Job } from './keys/job.ts';

addEventListener(
  'message',
  ({ data: { job, source } }: MessageEvent<{ job: Job; source: string }>) => {
    load({ module_or_path: source })
      .then(() => postMessage(carryOut(bindings, job)))
      // Nothing says that it cannot be done here.
      .catch(() => postMessage(undefined));
  },
  { once: true },
);
