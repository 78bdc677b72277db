/** Keeps records in a folder, for the processes of one machine: a journal and a lock for each that runs at one time. */

import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { OUTGOING, SLOTS, type Store, type Stores } from '../store/store.ts';
import { Journal, readJournal } from './journal.ts';
import { isHeld, take, type Held } from './lock-file.ts';

/** Nobody else's business. */
const MODE = 0o700;
const JOURNAL = '.journal';

/** The stores in one folder. */
export class FolderStores implements Stores {
  #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async open(credential: string): Promise<Store> {
    await mkdir(this.#path, { recursive: true, mode: MODE });
    for (let number = 0; number < SLOTS; number++) {
      const name = `${credential}-${number}`;
      const held = await take(this.#path, name);
      if (held) return this.#store(name, held);
    }
    throw new Error(`${SLOTS} clients have it open in ${this.#path}`);
  }

  async abandoned(credential: string, but: readonly string[]): Promise<Store | undefined> {
    for (let number = 0; number < SLOTS; number++) {
      const name = `${credential}-${number}`;
      if (but.includes(name) || (await isHeld(this.#path, name))) continue;
      const { rows } = await readJournal(this.#journal(name));
      if (![...rows.keys()].some((key) => key.startsWith(OUTGOING))) continue;
      const held = await take(this.#path, name);
      if (held) return this.#store(name, held);
    }
    return undefined;
  }

  async has(credential: string): Promise<boolean> {
    const names = await readdir(this.#path).catch(() => []);
    return names.some((name) => name.startsWith(`${credential}-`) && name.endsWith(JOURNAL));
  }

  async #store(name: string, held: Held): Promise<Store> {
    try {
      const { journal, rows, damage } = await Journal.open(this.#journal(name));
      return {
        name,
        rows,
        damage,
        apply: (changes, strict) => journal.apply(changes, strict),
        close: async () => {
          await journal.close();
          await held.release();
        },
      };
    } catch (error) {
      await held.release();
      throw error;
    }
  }

  #journal(name: string): string {
    return join(this.#path, `${name}${JOURNAL}`);
  }
}
