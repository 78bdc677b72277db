/** What a browser has: the modules beside the script, workers, and a WebSocket of its own. */

import type * as Encryption from 'msgsrouter-encryption';
import type * as Identity from 'msgsrouter-identity';
import type * as Passphrase from 'msgsrouter-passphrase';
import load from 'msgsrouter-wasm';
import { invalid } from '../error.ts';
import type { ModuleSource } from '../init.ts';
import type { Job } from '../keys/job.ts';
import { sourceOf } from '../modules.ts';
import { IndexedDbStores } from '../store/indexed-db.ts';
import { MemoryStores } from '../store/memory.ts';
import type { Stores } from '../store/store.ts';

/** Loads the WebAssembly, by default from the file beside this one. */
export async function loadWasm(source?: ModuleSource): Promise<void> {
  await load(from(source));
}

/** Loads what derives keys. */
export async function loadIdentity(source?: ModuleSource): Promise<typeof Identity> {
  const bindings = await import('msgsrouter-identity');
  await bindings.default({ module_or_path: source ?? identityAddress() });
  return bindings;
}

/** Loads what makes pass phrases, and seals under them. */
export async function loadPassphrase(source?: ModuleSource): Promise<typeof Passphrase> {
  const bindings = await import('msgsrouter-passphrase');
  await bindings.default(from(source));
  return bindings;
}

/** Loads what encrypts. */
export async function loadEncryption(source?: ModuleSource): Promise<typeof Encryption> {
  const bindings = await import('msgsrouter-encryption');
  await bindings.default(from(source));
  return bindings;
}

/** Named here alone, for the page and its worker: webpack loses what both of them name. */
function identityAddress(): URL {
  return new URL('./identity_bg.wasm', import.meta.url);
}

/** Does a job in a worker; rejects where none can be had. */
export async function inWorker(job: Job): Promise<Uint8Array> {
  const [script, given] = [sourceOf('worker'), sourceOf('identity') ?? identityAddress()];
  const source = given instanceof URL ? given.href : given;
  // As bundlers want to read it.
  const worker = script ? new Worker(script, { type: 'module' }) : new Worker(new URL('./identity-worker.js', import.meta.url), { type: 'module' });
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => (data ? resolve(data) : reject(data));
      worker.onerror = reject;
      worker.postMessage({ job, source });
    });
  } finally {
    worker.terminate();
  }
}

/** Opens a WebSocket, or throws what the constructor throws. */
export function openSocket(url: string, subprotocol?: string): WebSocket {
  return new WebSocket(url, subprotocol ?? []);
}

/** Where records are kept. */
export function storesOf(storage: string): Stores {
  if (storage === 'auto') return new IndexedDbStores();
  if (storage === 'memory') return new MemoryStores();
  throw invalid(`storage must be 'auto' or 'memory' here`);
}

/** Says why there can be no WebSocket here, if so. */
export function whyNoSocket(): string | undefined {
  return typeof WebSocket === 'undefined' ? 'There is no WebSocket here' : undefined;
}

/** A page runs as long as it is open. */
export function keepRunning(): () => void {
  return () => {};
}

function from(source: ModuleSource | undefined): { module_or_path: ModuleSource } | undefined {
  return source === undefined ? undefined : { module_or_path: source };
}
