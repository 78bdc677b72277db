/** Loading the WebAssembly, once. */

import * as bindings from 'msgsrouter-wasm';
import { loadWasm } from '#host';
import { isLoaded, setLoaded } from './wasm.ts';

/** Where the WebAssembly comes from, when not from the file beside the package's own script. */
export type InitSource = string | URL | Request | Response | BufferSource | WebAssembly.Module;

let loading: Promise<void> | undefined;

/**
 * Loads the WebAssembly. Every call gives the same promise; after a failure the next call tries again.
 * `connect()` calls it by itself.
 */
export function init(source?: InitSource): Promise<void> {
  loading ??= isLoaded() ? Promise.resolve() : load(source);
  return loading;
}

async function load(source?: InitSource): Promise<void> {
  try {
    await loadWasm(source);
    setLoaded(bindings);
  } catch (error) {
    loading = undefined;
    throw error;
  }
}
