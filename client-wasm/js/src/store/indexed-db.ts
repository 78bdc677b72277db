/** Keeps records in IndexedDB: one database for all peers, one slot for each page that is open. */

import { profileOf, firstFree, take, type Slot } from './slots.ts';
import { OUTGOING, SLOTS, hasOutgoing, type Change, type Row, type Store, type Stores } from './store.ts';

const DATABASE = 'msgsrouter';
const VERSION = 1;
/** Bytes under `[profile, key]`. */
const RECORDS = 'records';
/** Some browsers leave a request without any answer. */
const OPEN_TIMEOUT_MS = 10_000;

/** The stores of this browser profile. */
export class IndexedDbStores implements Stores {
  #database: Promise<IDBDatabase> | undefined;

  async open(credential: string): Promise<Store> {
    if (!navigator.locks) throw new Error('there are no Web Locks here');
    await this.#opened();
    const slot = await firstFree(credential);
    if (!slot) throw new Error(`${SLOTS} pages have it open`);
    return this.#store(slot);
  }

  async abandoned(credential: string, but: readonly string[]): Promise<Store | undefined> {
    for (const number of await this.#waiting(credential)) {
      if (but.includes(profileOf(credential, number))) continue;
      const slot = await take(credential, number);
      const store = slot && (await this.#store(slot));
      if (store && hasOutgoing(store)) return store;
      await store?.close();
    }
    return undefined;
  }

  async has(credential: string): Promise<boolean> {
    const records = (await this.#opened()).transaction(RECORDS).objectStore(RECORDS);
    const slots = Array.from({ length: SLOTS }, (_, number) => ofProfile(profileOf(credential, number)));
    const counts = await Promise.all(slots.map((range) => answer(records.count(range))));
    return counts.some((count) => count > 0);
  }

  async #store(slot: Slot): Promise<Store> {
    const { profile } = slot;
    try {
      const database = await this.#opened();
      return {
        name: profile,
        rows: await read(database, profile),
        apply: async (changes, strict) => write(await this.#opened(), profile, changes, strict),
        close: async () => slot.release(),
      };
    } catch (error) {
      slot.release();
      throw error;
    }
  }

  /** The slots with messages in their outbox, whoever holds them. */
  async #waiting(credential: string): Promise<number[]> {
    const records = (await this.#opened()).transaction(RECORDS).objectStore(RECORDS);
    const numbers = Array.from({ length: SLOTS }, (_, number) => number);
    const counts = await Promise.all(
      numbers.map((number) => {
        const profile = profileOf(credential, number);
        return answer(records.count(IDBKeyRange.bound([profile, OUTGOING], [profile, `${OUTGOING}\uffff`])));
      }),
    );
    return numbers.filter((number) => counts[number]);
  }

  /** The database, opened again when the browser, or a later version of this package, closed it. */
  #opened(): Promise<IDBDatabase> {
    const forget = () => (this.#database = undefined);
    if (!this.#database) {
      this.#database = openDatabase(forget);
      this.#database.catch(forget);
    }
    return this.#database;
  }
}

function openDatabase(onClose: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, VERSION);
    const timer = setTimeout(() => reject(new Error('IndexedDB does not answer')), OPEN_TIMEOUT_MS);
    request.onupgradeneeded = () => request.result.createObjectStore(RECORDS);
    request.onblocked = () => reject(new Error('another page keeps an older database open'));
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      clearTimeout(timer);
      const database = request.result;
      database.onclose = onClose;
      database.onversionchange = () => {
        onClose();
        database.close();
      };
      resolve(database);
    };
  });
}

async function read(database: IDBDatabase, profile: string): Promise<Row[]> {
  const records = database.transaction(RECORDS).objectStore(RECORDS);
  const range = ofProfile(profile);
  const [keys, values] = await Promise.all([answer(records.getAllKeys(range)), answer(records.getAll(range))]);
  return keys.map((key, index) => [(key as [string, string])[1], values[index]]);
}

/** All keys of the profile, and no other's: arrays sort behind strings. */
function ofProfile(profile: string): IDBKeyRange {
  return IDBKeyRange.bound([profile], [profile, []]);
}

function write(database: IDBDatabase, profile: string, changes: Change[], strict: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(RECORDS, 'readwrite', { durability: strict ? 'strict' : 'relaxed' });
    const records = transaction.objectStore(RECORDS);
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
    for (const [key, value] of changes) {
      if (value) records.put(value, [profile, key]);
      else records.delete([profile, key]);
    }
  });
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
