/** What a signal can take back. */

import type { Session } from 'msgsrouter-wasm';
import { aborted } from './error.ts';

/** Starts something; the session knows it by the ticket. */
export type Start<T> = (session: Session) => { ticket: number; promise: Promise<T> };

/** Starts it, and takes it back when the signal says so. */
export async function cancellable<T>(session: Session, signal: AbortSignal | undefined, start: Start<T>): Promise<T> {
  if (signal?.aborted) throw aborted(signal);
  const { ticket, promise } = start(session);
  const cancel = () => session.cancel(ticket);
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    return await promise;
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}
