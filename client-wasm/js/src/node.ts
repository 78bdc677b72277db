/** What the package gives in Node: the same, and loading that is done when it returns. */

import * as bindings from 'msgsrouter-wasm';
import { loadWasmNow } from './host/node.ts';
import { isLoaded, setLoaded } from './wasm.ts';

export * from './index.ts';

/** Loads the WebAssembly from disk, once, before it returns. */
export function initSync(): void {
  if (isLoaded()) return;
  loadWasmNow();
  setLoaded(bindings);
}
