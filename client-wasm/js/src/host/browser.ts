/** What a browser has: the module beside the script, and a WebSocket of its own. */

import load from 'msgsrouter-wasm';
import { invalid } from '../error.ts';
import type { InitSource } from '../init.ts';
import { IndexedDbStores } from '../store/indexed-db.ts';
import { MemoryStores } from '../store/memory.ts';
import type { Stores } from '../store/store.ts';

/** Loads the WebAssembly, by default from the file beside this one. */
export async function loadWasm(source?: InitSource): Promise<void> {
  await load(source === undefined ? undefined : { module_or_path: source });
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
