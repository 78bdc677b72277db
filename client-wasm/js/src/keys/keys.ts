/**
 * The keys of one device, for one session: signs its connections, seals and opens its messages. All that is decided is
 * decided in the encryption module; here it is loaded when something is asked of it first, and what it says is carried out
 * in order.
 */

import type * as Encryption from 'msgsrouter-encryption';
import type { KeyEvent } from 'msgsrouter-encryption';
import type { Session } from 'msgsrouter-wasm';
import * as CODE from '../code.ts';
import { MsrError, closed } from '../error.ts';
import { encryptionModule } from '../modules.ts';
import type { Change, Row } from '../store/store.ts';
import { errorOfText, textOf } from './error.ts';

export type { KeyEvent };

/** Whose keys they are, as JSON texts, and the private half of the account key where it is known. */
export interface Owner {
  name: string;
  email: string;
  secret: string;
  seed: Uint8Array | undefined;
}

/** What the keys need of whoever has them. */
export interface KeysHost {
  session(): Session | undefined;
  /** Keeps changes, and says when they are kept, or why they are not. */
  keep(changes: Change[], strict: boolean, done: (reason?: string) => void): void;
  owner(): Owner;
  /** Something that the page should know. */
  tell(event: KeyEvent): void;
  trouble(error: MsrError): void;
}

const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** Something to do with the keys; `failed` when there are none, or none any more. */
interface Task {
  run(keys: Encryption.Keys): void;
  failed?(error: MsrError): void;
}

/** The keys of one device. */
export class Keys {
  #host: KeysHost;
  /** What was kept of them; nothing before a store is open. */
  #rows: Row[] | undefined;
  #keys: Encryption.Keys | undefined;
  #tasks: Task[] = [];
  #isAtWork = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Counts the stores: what was begun for an earlier one means nothing. */
  #store = 0;

  constructor(host: KeysHost) {
    this.#host = host;
  }

  /** Whether nothing is left to do. */
  get isQuiet(): boolean {
    return this.#tasks.length === 0;
  }

  /** A store is open, and that was kept there. */
  restored(rows: Row[]): void {
    this.close();
    this.#rows = rows;
  }

  /** What the session asks. */
  ask(question: Uint8Array): void {
    this.#do({ run: (keys) => keys.ask(question, Date.now()) });
  }

  /** Whether the session is registered. */
  state(isRegistered: boolean): void {
    if (this.#keys) this.#do({ run: (keys) => (isRegistered ? keys.registered(Date.now()) : keys.disconnected(Date.now())) });
  }

  /** The devices of the peer that the server knows. */
  ownDevices(devices: readonly { id: string }[]): void {
    if (this.#keys) this.#do({ run: (keys) => keys.ownDevices(devices.map(({ id }) => id).join(' '), Date.now()) });
  }

  /** Does something with the keys, those of a peer perhaps, and gives what comes of it. */
  async act<T>(action: (keys: Encryption.Keys, now: number) => T, credential?: string): Promise<T> {
    if (!this.#rows) throw new MsrError(CODE.NO_DEVICE_KEYS, 'This device has no keys yet: connect() first, with the identity key');
    return new Promise((resolve, reject) => {
      const run = (keys: Encryption.Keys) => {
        try {
          resolve(action(keys, Date.now()));
        } catch (error) {
          reject(errorOfText(textOf(error), error, credential));
        }
      };
      this.#do({ run, failed: reject });
    });
  }

  /** The session is over. */
  close(): void {
    this.#store++;
    clearTimeout(this.#timer);
    const keys = this.#keys;
    this.#keys = this.#rows = undefined;
    fail(closed(), this.#tasks.splice(0));
    try {
      keys?.free();
    } catch {
      // They ended in the midst of something, and stay in memory.
    }
  }

  #do(task: Task): void {
    this.#tasks.push(task);
    if (this.#isAtWork) return;
    this.#isAtWork = true;
    void this.#work().catch((error) => {
      this.#isAtWork = false;
      this.#broke(error, this.#tasks.splice(0));
    });
  }

  #broke(cause: unknown, tasks: Task[]): void {
    const failure = new MsrError(CODE.NO_DEVICE_KEYS, `The encryption module cannot be used: ${textOf(cause)}`, true, { cause });
    fail(failure, tasks);
    this.#host.trouble(failure);
  }

  async #work(): Promise<void> {
    // The session, or the page, returns first: it is never called while it calls.
    const { Keys: Made } = await encryptionModule();
    for (let task = this.#tasks.shift(); task; task = this.#tasks.shift()) {
      try {
        this.#keys ??= this.#made(Made);
        if (this.#keys) task.run(this.#keys);
      } catch (error) {
        // It fails alone: others wait for what comes after it.
        this.#broke(error, [task]);
      }
    }
    // Once for all of them, so that what they change is kept in one write.
    this.#keys?.drain();
    this.#isAtWork = false;
    this.#arm();
  }

  /** The one timer, for the time at which the keys want to be asked. */
  #arm(): void {
    clearTimeout(this.#timer);
    const due = this.#keys?.timeout();
    if (due === undefined) return;
    const wait = Math.min(Math.max(due - Date.now(), 0), LONGEST_TIMEOUT_MS);
    this.#timer = setTimeout(() => this.#do({ run: (keys) => keys.timedOut(Date.now()) }), wait);
  }

  #made(Made: typeof Encryption.Keys): Encryption.Keys | undefined {
    if (!this.#rows) return undefined;
    const store = this.#store;
    const { name, email, secret, seed } = this.#host.owner();
    return new Made(
      {
        answer: (answers) => queueMicrotask(() => store === this.#store && this.#host.session()?.answer(answers)),
        persist: (ticket, changes, strict) => {
          this.#host.keep(changes, strict, (reason) => {
            if (store !== this.#store) return;
            this.#do({ run: (keys) => (reason === undefined ? keys.persisted(ticket, Date.now()) : keys.persistFailed(ticket, reason, Date.now())) });
          });
        },
        tell: (event) => this.#host.tell(event),
      },
      this.#rows,
      name,
      email,
      secret,
      seed,
    );
  }
}

function fail(error: MsrError, tasks: Task[]): void {
  for (const { failed } of tasks) failed?.(error);
}
