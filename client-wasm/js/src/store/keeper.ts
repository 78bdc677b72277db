/** Carries out what a session wants kept, one thing after the other, in the store it asked for last. */

import type { Session } from 'msgsrouter-wasm';
import * as CODE from '../code.ts';
import { MsrError } from '../error.ts';
import { MemoryStores } from './memory.ts';
import { KEYS, type Change, type Row, type Store } from './store.ts';

const ENTROPY_BYTES = 32;

/** What keeps the records of one session, and of the keys of its device. */
export class Keeper {
  #session: () => Session | undefined;
  #open: (credential: string) => Promise<Store>;
  #keys: (rows: Row[]) => void;
  #trouble: (error: MsrError) => void;
  #store: Store | undefined;
  #memory = new MemoryStores();
  #queue = Promise.resolve();
  #waiting = 0;
  /** Stores that were asked for and are not open yet. */
  #opening = 0;

  /**
   * `open` gives the store of a peer, and `keys` gets what it has of keys before the session gets the rest; that it cannot
   * be opened, and what else goes wrong, is told to `trouble`.
   */
  constructor(
    session: () => Session | undefined,
    open: (credential: string) => Promise<Store>,
    keys: (rows: Row[]) => void,
    trouble: (error: MsrError) => void,
  ) {
    this.#session = session;
    this.#open = open;
    this.#keys = keys;
    this.#trouble = trouble;
  }

  /** Whether there is nothing left to do. */
  get isQuiet(): boolean {
    return this.#waiting === 0;
  }

  /** Whether what is kept ends with the page or the process. */
  get isInMemory(): boolean {
    return this.#store?.isInMemory === true;
  }

  /** Waits until there is nothing left to do. */
  async quiet(): Promise<void> {
    while (this.#waiting > 0) await this.#queue;
  }

  /** Opens the store of a peer, and hands over what it has. */
  restore(credential: string): void {
    this.#opening++;
    this.#next(async () => {
      try {
        await this.#store?.close();
        this.#store = await this.#open(credential).catch((error) => this.#inMemory(credential, error));
      } finally {
        this.#opening--;
      }
      const { rows, damage } = this.#store;
      if (damage) this.#trouble(new MsrError(CODE.DAMAGED, `What was kept on this device is damaged: ${damage}`));
      const isOfKeys = ([key]: Row) => key.startsWith(KEYS);
      this.#keys(rows.filter(isOfKeys));
      this.#session()?.restored(credential, rows.filter((row) => !isOfKeys(row)), crypto.getRandomValues(new Uint8Array(ENTROPY_BYTES)));
    });
  }

  /** Keeps changes of the session, and tells it when they are kept, or why they are not. */
  persist(ticket: number, changes: Change[], strict: boolean): void {
    this.#keep(changes, strict, (reason) => {
      if (reason === undefined) this.#session()?.persisted(ticket);
      else this.#session()?.persistFailed(ticket, reason);
    });
  }

  /**
   * Keeps changes of keys, and says when they are kept, or why they are not. While another store is being opened they are of
   * a peer that was left, whose keys end with that: they are dropped, for in that store they would replace another peer's.
   */
  keep(changes: Change[], strict: boolean, done: (reason?: string) => void): void {
    if (this.#opening === 0) this.#keep(changes, strict, done);
  }

  /** Lets go of the store, once all is kept. */
  close(): void {
    this.#next(async () => {
      await this.#store?.close();
      this.#store = undefined;
    });
  }

  #keep(changes: Change[], strict: boolean, done: (reason?: string) => void): void {
    this.#next(async () => done(await this.#apply(changes, strict)));
  }

  async #apply(changes: Change[], strict: boolean): Promise<string | undefined> {
    try {
      await this.#store?.apply(changes, strict);
      return undefined;
    } catch (error) {
      return text(error);
    }
  }

  #inMemory(credential: string, error: unknown): Promise<Store> {
    this.#trouble(new MsrError(CODE.MEMORY_ONLY, `Messages are kept in memory alone: ${text(error)}`, false, { cause: error }));
    return this.#memory.open(credential);
  }

  #next(act: () => Promise<void>): void {
    this.#waiting++;
    this.#queue = this.#queue.then(act).catch(this.#trouble).then(() => void this.#waiting--);
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
