/** The worker thread of Node that does one job, and is gone then. */

import * as bindings from 'msgsrouter-identity';
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { carryOut, type Job } from './keys/job.ts';

declare const __dirname: string;

bindings.initSync({ module: readFileSync(`${__dirname}/identity_bg.wasm`) });
parentPort.postMessage(carryOut(bindings, workerData as Job));
