/** Why a connection failed before it opened: a browser does not say, but the server answers over HTTP. */

const PROBE_TIMEOUT_MS = 5_000;

/** Whether the server refuses this origin. `false` too when nobody answers. */
export async function isOriginRefused(url: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    // A browser leaves `Origin` out of a GET to the page's own server, never out of a POST.
    const response = await fetch(url, { method: 'POST', cache: 'no-store', credentials: 'omit', signal });
    const { origin } = (await response.json()) as { origin?: string };
    return origin === 'refused';
  } catch {
    return false;
  }
}
