/**
 * Why a connection failed before it opened, and what the server speaks: a browser does not say, but the server answers over
 * HTTP.
 */

const PROBE_TIMEOUT_MS = 5_000;

const SUBPROTOCOL = 'msr.v2';

/** What a server says of itself. */
export interface Probed {
  /** Whether it refuses this origin. `false` too when nobody answers. */
  isRefused: boolean;
  /** Whether it speaks version 2 of the protocol; `undefined` when nobody answers. */
  speaksV2: boolean | undefined;
}

/** Asks the server. */
export async function probe(url: string): Promise<Probed> {
  try {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    // A browser leaves `Origin` out of a GET to the page's own server, never out of a POST.
    const response = await fetch(url, { method: 'POST', cache: 'no-store', credentials: 'omit', signal });
    const { origin, protocols } = await response.json().catch(() => ({}));
    return { isRefused: origin === 'refused', speaksV2: Array.isArray(protocols) && protocols.includes(SUBPROTOCOL) };
  } catch {
    return { isRefused: false, speaksV2: undefined };
  }
}
