/** What Node has: the module on disk, and the global WebSocket (Node 22) or that of the package `ws`. */

import load, { initSync } from 'msgsrouter-wasm';
import type { InitSource } from '../init.ts';

// Node's own, of which this file needs no more; it is bundled as CommonJS.
declare const __dirname: string;
declare function require(name: 'node:fs'): { readFileSync(path: string): Uint8Array<ArrayBuffer> };
declare function require(name: 'ws'): { WebSocket: new (url: string) => WebSocket & { on(event: 'error', listener: () => void): void } };

/** Loads the WebAssembly, by default from disk. */
export async function loadWasm(source?: InitSource): Promise<void> {
  if (source === undefined) loadWasmNow();
  else await load({ module_or_path: source });
}

/** Loads the WebAssembly from disk before it returns. */
export function loadWasmNow(): void {
  initSync({ module: require('node:fs').readFileSync(`${__dirname}/msgsrouter_bg.wasm`) });
}

/** Opens a WebSocket, or throws what the constructor throws. */
export function openSocket(url: string): WebSocket {
  if (typeof WebSocket !== 'undefined') return new WebSocket(url);
  const socket = new (require('ws').WebSocket)(url);
  // An emitter whose `error` nobody hears throws it; the close that follows says all that is needed.
  socket.on('error', () => {});
  return socket;
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
