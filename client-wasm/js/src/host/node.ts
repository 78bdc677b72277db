/** What Node has: the modules on disk, folders, worker threads, and the global WebSocket (Node 22) or that of the package `ws`. */

import type * as Encryption from 'msgsrouter-encryption';
import type * as Identity from 'msgsrouter-identity';
import type * as Passphrase from 'msgsrouter-passphrase';
import load, { initSync } from 'msgsrouter-wasm';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { env } from 'node:process';
import { Worker } from 'node:worker_threads';
import type { ModuleSource } from '../init.ts';
import type { Job } from '../keys/job.ts';
import { isBytes } from '../spell.ts';
import { MemoryStores } from '../store/memory.ts';
import type { Stores } from '../store/store.ts';
import { FolderStores } from './folder.ts';

// Of what Node gives a CommonJS module, which this file is bundled as, what it needs.
declare const __dirname: string;
declare function require(name: 'ws'): {
  WebSocket: new (url: string, subprotocols: string | string[]) => WebSocket & { on(event: 'error', listener: () => void): void };
};

/** Loads the WebAssembly, by default from disk. */
export async function loadWasm(source?: ModuleSource): Promise<void> {
  if (source === undefined) loadWasmNow();
  else await load({ module_or_path: await compiled(source, 'msgsrouter') });
}

/** Loads the WebAssembly from disk before it returns. */
export function loadWasmNow(): void {
  initSync({ module: readFileSync(`${__dirname}/msgsrouter_bg.wasm`) });
}

/** Loads what derives keys. */
export async function loadIdentity(source?: ModuleSource): Promise<typeof Identity> {
  const bindings = await import('msgsrouter-identity');
  bindings.initSync({ module: await compiled(source, 'identity') });
  return bindings;
}

/** Loads what makes pass phrases, and seals under them. */
export async function loadPassphrase(source?: ModuleSource): Promise<typeof Passphrase> {
  const bindings = await import('msgsrouter-passphrase');
  bindings.initSync({ module: await compiled(source, 'passphrase') });
  return bindings;
}

/** Loads what encrypts. */
export async function loadEncryption(source?: ModuleSource): Promise<typeof Encryption> {
  const bindings = await import('msgsrouter-encryption');
  bindings.initSync({ module: await compiled(source, 'encryption') });
  return bindings;
}

/** Does a job in a worker; rejects where none can be had. */
export async function inWorker(job: Job): Promise<Uint8Array | undefined> {
  const worker = new Worker(`${__dirname}/identity-worker.cjs`, { workerData: job });
  try {
    return await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', reject);
    });
  } finally {
    await worker.terminate();
  }
}

/** Opens a WebSocket, or throws what the constructor throws. */
export function openSocket(url: string, subprotocol?: string): WebSocket {
  if (typeof WebSocket !== 'undefined') return new WebSocket(url, subprotocol ?? []);
  const socket = new (require('ws').WebSocket)(url, subprotocol ?? []);
  // An emitter whose `error` nobody hears throws it; the close that follows says all that is needed.
  socket.on('error', () => {});
  return socket;
}

/** Where records are kept: for `'auto'` the folder that the environment names, or one in the user's own. */
export function storesOf(storage: string): Stores {
  const place = storage === 'auto' ? env['MSGSROUTER_STORAGE'] || join(homedir(), '.msgsrouter') : storage;
  return place === 'memory' ? new MemoryStores() : new FolderStores(resolve(place));
}

/** Says why there can be no WebSocket here, if so. */
export function whyNoSocket(): string | undefined {
  if (typeof WebSocket !== 'undefined') return undefined;
  try {
    require('ws');
    return undefined;
  } catch {
    return 'This Node has no WebSocket: npm install ws, or use Node 22';
  }
}

const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Keeps the process alive until the function it gives is called: while a client is connected, or tries to be. The
 * session's own timers do not (see timers.ts), so that a message waiting in the outbox of a closed client does not
 * hold a process for a week.
 */
export function keepRunning(): () => void {
  const timer = setInterval(() => {}, LONGEST_TIMEOUT_MS);
  return () => clearInterval(timer);
}

/** A module, or its bytes, by default from disk. */
async function compiled(source: ModuleSource | undefined, name: string): Promise<BufferSource | WebAssembly.Module> {
  if (source === undefined) return readFileSync(`${__dirname}/${name}_bg.wasm`);
  const given = await source;
  if (given instanceof WebAssembly.Module || isBytes(given)) return given;
  // Which Node's fetch does not take.
  if (given instanceof URL && given.protocol === 'file:') return readFileSync(given);
  const response = given instanceof Response ? given : await fetch(given);
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${response.statusText}`);
  return response.arrayBuffer();
}
