/** Takes the place of Node's `setTimeout` in the bundle: timers that keep no process alive. */

declare const globalThis: { setTimeout(handler: () => void, ms: number): { unref(): unknown } };

export function setTimeout(handler: () => void, ms: number): unknown {
  return globalThis.setTimeout(handler, ms).unref();
}
