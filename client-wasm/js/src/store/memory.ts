/** Keeps records in memory: they outlive a session, and no more. */

import { change, type Store, type Stores } from './store.ts';

/** The stores of one client. */
export class MemoryStores implements Stores {
  #peers = new Map<string, Map<string, Uint8Array<ArrayBuffer>>>();

  async open(credential: string): Promise<Store> {
    const rows = this.#peers.get(credential) ?? new Map();
    this.#peers.set(credential, rows);
    return { name: credential, rows: [...rows], isInMemory: true, apply: async (changes) => change(rows, changes), close: async () => {} };
  }

  async abandoned(): Promise<undefined> {}

  async has(credential: string): Promise<boolean> {
    return this.#peers.has(credential);
  }
}
