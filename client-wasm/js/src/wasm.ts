/** The WebAssembly module, once it is loaded. */

import type * as Bindings from 'msgsrouter-wasm';
import * as CODE from './code.ts';
import { MsrError } from './error.ts';

let bindings: typeof Bindings | undefined;
const waiting: (() => void)[] = [];

/** The bindings; throws an `MsrError` before they are loaded. */
export function wasm(): typeof Bindings {
  if (!bindings) throw new MsrError(CODE.NOT_INITIALISED, 'Not loaded yet: await init() first');
  return bindings;
}

export function isLoaded(): boolean {
  return bindings !== undefined;
}

/** Acts at once when they are loaded, else as soon as they are. */
export function whenLoaded(act: () => void): void {
  if (bindings) act();
  else waiting.push(act);
}

export function setLoaded(loaded: typeof Bindings): void {
  bindings = loaded;
  for (const act of waiting.splice(0)) act();
}
