/** Loading the WebAssembly, once. */

import * as bindings from 'msgsrouter-wasm';
import { loadWasm } from '#host';
import { setSources } from './modules.ts';
import { isLoaded, setLoaded } from './wasm.ts';

/** Where a module comes from. */
export type ModuleSource = string | URL | Request | Response | PromiseLike<Response> | BufferSource | WebAssembly.Module;

/** Where each part comes from; what is missing comes from the file beside the package's own script. */
export interface ModuleSources {
  /** `msgsrouter_bg.wasm` */
  core?: ModuleSource;
  /** `identity_bg.wasm` */
  identity?: ModuleSource;
  /** `passphrase_bg.wasm` */
  passphrase?: ModuleSource;
  /** `encryption_bg.wasm` */
  encryption?: ModuleSource;
  /** The script `identity-worker.js`. */
  worker?: string | URL;
}

/** Where the WebAssembly comes from, when not from the files beside the package's own script: of the core, or of each part. */
export type InitSource = ModuleSource | ModuleSources;

let loading: Promise<void> | undefined;

/**
 * Loads the WebAssembly of the core. Every call gives the same promise; after a failure the next call tries again.
 * `connect()` calls it by itself. The parts for keys are loaded when they are needed first.
 */
export function init(source?: InitSource): Promise<void> {
  const { core, ...others } = isSources(source) ? source : { core: source };
  setSources(others);
  loading ??= isLoaded() ? Promise.resolve() : load(core);
  return loading;
}

function isSources(source: InitSource | undefined): source is ModuleSources {
  return source !== null && typeof source === 'object' && Object.getPrototypeOf(source) === Object.prototype;
}

async function load(source?: ModuleSource): Promise<void> {
  try {
    await loadWasm(source);
    setLoaded(bindings);
  } catch (error) {
    loading = undefined;
    throw error;
  }
}
