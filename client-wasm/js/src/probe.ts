/** Why a connection failed before it opened: a browser does not say, but the server answers over HTTP. */

const PROBE_TIMEOUT_MS = 5_000;

/** Whether the server refuses this origin. `false` too when nobody answers. */
export async function isOriginRefused(url: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const response = await fetch(url, { cache: 'no-store', credentials: 'omit', signal });
    const { origin } = (await response.json()) as { origin?: string };
    return origin === 'refused';
  } catch {
    return false;
  }
}
