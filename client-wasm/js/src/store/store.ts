/** Where a session keeps what must outlive it: keys and bytes, whose meaning is the session's own. */

import type { Change, Row } from 'msgsrouter-wasm';

export type { Change, Row };

/** The key of a message that waits in the outbox begins so. */
export const OUTGOING = 'out:';
/** The key of who this device is and how far its numbers have gone. All other keys are the session's own affair. */
export const IDENTITY = 'identity';

/** The key of what the keys of this device keep begins so. */
export const KEYS = 'key:';

/** How many devices of one peer are told apart here: as many pages, or processes, at one time. */
export const SLOTS = 16;

/** What one device of one peer keeps. Nobody else has it for as long as it is open. */
export interface Store {
  /** Tells it from the other ones of its peer. */
  readonly name: string;
  /** What was kept when it was opened. */
  readonly rows: Row[];
  /** What was found wrong with it when it was opened; what could be saved of it is in `rows`. */
  readonly damage?: string | undefined;
  /** Whether it ends with the page or the process. */
  readonly isInMemory?: true;
  /**
   * Keeps the changes, all or none of them, after those of earlier calls. With `strict` it is fulfilled when the disk
   * has them, else when the system has.
   */
  apply(changes: Change[], strict: boolean): Promise<void>;
  /** Lets go of it: another may open it. */
  close(): Promise<void>;
}

/** Where the stores are. */
export interface Stores {
  /** The first one that nobody has open. */
  open(credential: string): Promise<Store>;
  /** One that nobody has open and whose outbox is not empty: whoever filled it is gone. None of those that are named. */
  abandoned(credential: string, but: readonly string[]): Promise<Store | undefined>;
  /** Whether that peer was ever here. */
  has(credential: string): Promise<boolean>;
}

/** Takes over changes. */
export function change(rows: Map<string, Uint8Array<ArrayBuffer>>, changes: Change[]): void {
  for (const [key, value] of changes) {
    if (value) rows.set(key, value);
    else rows.delete(key);
  }
}

/** Whether a message waits in its outbox. */
export function hasOutgoing({ rows }: Store): boolean {
  return rows.some(([key]) => key.startsWith(OUTGOING));
}
