/** Which of a browser profile's pages is which device: each holds a slot, by a Web Lock that ends with the page. */

import { SLOTS } from './store.ts';

/** How long a page that was reloaded waits for the slot it had, which its predecessor is about to let go. */
const OWN_SLOT_MS = 2_000;

/** A slot that is held. */
export interface Slot {
  /** The first part of the keys of what is kept there. */
  readonly profile: string;
  release(): void;
}

/** How many slots this page holds, by credential. */
const held = new Map<string, number>();

/** Where records of that slot are kept. */
export function profileOf(credential: string, number: number): string {
  return `${credential}:${number}`;
}

/** The slot that this tab had before it was loaded again, else the first one that is free. */
export async function firstFree(credential: string): Promise<Slot | undefined> {
  const place = held.get(credential) ?? 0;
  held.set(credential, place + 1);
  const slot = await free(credential, `msgsrouter:${credential}:${place}`);
  const release = () => {
    held.set(credential, (held.get(credential) ?? 1) - 1);
    slot?.release();
  };
  if (slot) return { profile: slot.profile, release };
  release();
  return undefined;
}

/** That slot, if it is free, or becomes so within so many ms. */
export function take(credential: string, number: number, withinMs = 0): Promise<Slot | undefined> {
  const profile = profileOf(credential, number);
  const signal = withinMs > 0 ? AbortSignal.timeout(withinMs) : undefined;
  return new Promise((resolve, reject) => {
    const hold = (lock: Lock | null): Promise<void> | undefined => {
      if (!lock) return void resolve(undefined);
      return new Promise((release) => resolve({ profile, release }));
    };
    const options = signal ? { signal } : { ifAvailable: true };
    navigator.locks.request(`msgsrouter:${profile}`, options, hold).catch((error) => (signal?.aborted ? resolve(undefined) : reject(error)));
  });
}

async function free(credential: string, place: string): Promise<Slot | undefined> {
  const own = remembered(place);
  const before = own === undefined ? undefined : await take(credential, own, wasReloaded() ? OWN_SLOT_MS : 0);
  if (before) return before;
  for (let number = 0; number < SLOTS; number++) {
    const slot = await take(credential, number);
    if (!slot) continue;
    remember(place, number);
    return slot;
  }
  return undefined;
}

function wasReloaded(): boolean {
  const [navigation] = performance.getEntriesByType('navigation');
  return (navigation as PerformanceNavigationTiming | undefined)?.type === 'reload';
}

function remembered(place: string): number | undefined {
  try {
    const number = Number.parseInt(sessionStorage.getItem(place) ?? '');
    return number >= 0 && number < SLOTS ? number : undefined;
  } catch {
    return undefined;
  }
}

function remember(place: string, number: number): void {
  try {
    sessionStorage.setItem(place, String(number));
  } catch {
    // A worker has none, and a page may be denied it: then the first free slot is as good.
  }
}
