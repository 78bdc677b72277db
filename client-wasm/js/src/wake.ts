/** Hears when there is no reason to wait with the next try: the network is back, or the page is shown again. */

/** Calls `wake` then; gives a function that stops it. Does nothing where there is no page. */
export function onWake(wake: () => void): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  if (typeof addEventListener === 'function') {
    addEventListener('online', wake, { signal });
    addEventListener('pageshow', wake, { signal });
  }
  if (typeof document !== 'undefined') {
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && wake(), { signal });
  }
  return () => stop.abort();
}
