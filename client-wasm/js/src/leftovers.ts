/**
 * Outboxes of pages or processes that ended before all was sent: whoever is connected as the same peer sends what is in
 * them, as the device that they were.
 */

import type { Face, Session, WireSettings } from 'msgsrouter-wasm';
import { openSocket } from '#host';
import { deferred } from './deferred.ts';
import type { MsrError } from './error.ts';
import { STATE } from './events.ts';
import { Keys } from './keys/keys.ts';
import { probe } from './probe.ts';
import type { ReceiptChange } from './receipt.ts';
import { Sendings } from './sending.ts';
import { Keeper } from './store/keeper.ts';
import type { Store, Stores } from './store/store.ts';
import { wasm } from './wasm.ts';

/** How often is looked for them while a client is connected. */
const EVERY_MS = 30_000;

/** How long an outbox that is at work may go on when the client is closed, or something in it is held, which may be for ever. */
const LINGER_MS = 10_000;

/** The question by which the session wants a message opened: see `Question` in protocol/src/v2/handover.rs. */
const OPEN = 4;

/** As whom they are sent. */
export interface Sender {
  settings: WireSettings;
  /** The private half of the account key, if there is one that is known. */
  seed: Uint8Array | undefined;
}

/** Looks for what others left, from `start` to `stop`. */
export class Leftovers {
  #stores: () => Stores;
  #tell: (change: ReceiptChange) => void;
  #trouble: (error: MsrError) => void;
  #sender: Sender | undefined;
  #credential = '';
  #isAtWork = false;
  /** Ends the wait until the next look. */
  #look: (() => void) | undefined;
  /** Leaves the outbox that is at work soon. */
  #leave: (() => void) | undefined;

  /** Receipts of what is sent go to `tell`. */
  constructor(stores: () => Stores, tell: (change: ReceiptChange) => void, trouble: (error: MsrError) => void) {
    this.#stores = stores;
    this.#tell = tell;
    this.#trouble = trouble;
  }

  /** The client is connected, as that. */
  start(sender: Sender, credential: string): void {
    this.#sender = sender;
    this.#credential = credential;
    if (this.#isAtWork) this.#look?.();
    else void this.#work();
  }

  /** It does not want to be any more. */
  stop(): void {
    this.#sender = undefined;
    this.#look?.();
    this.#leave?.();
  }

  async #work(): Promise<void> {
    this.#isAtWork = true;
    while (this.#sender) {
      try {
        // One in which something is held has its turn, and the others theirs.
        const tried: string[] = [];
        while (this.#sender) {
          const store = await this.#stores().abandoned(this.#credential, tried);
          if (!store) break;
          tried.push(store.name);
          // The client may have been closed meanwhile.
          const sender = this.#sender as Sender | undefined;
          if (sender) await this.#send(store, sender);
          else await store.close();
        }
      } catch {
        // What cannot be looked at now can be later.
      }
      await this.#wait();
    }
    this.#isAtWork = false;
  }

  async #wait(): Promise<void> {
    const { promise, resolve } = deferred<void>();
    const timer = setTimeout(resolve, EVERY_MS);
    this.#look = resolve;
    await promise;
    this.#look = undefined;
    clearTimeout(timer);
  }

  /** Sends what waits in one outbox, as far as it can be. */
  async #send(store: Store, { settings, seed: account }: Sender): Promise<void> {
    let session: Session | undefined;
    const over = deferred<void>();
    let lingering: ReturnType<typeof setTimeout> | undefined;
    const leave = () => (lingering ??= setTimeout(over.resolve, LINGER_MS));
    const keeper: Keeper = new Keeper(() => session, async () => store, (rows) => keys.restored(rows), this.#trouble);
    const keys = new Keys({
      session: () => session,
      keep: (changes, strict, done) => keeper.keep(changes, strict, done),
      owner: () => ({ ...settings, seed: account }),
      // What is held is told once; what can be sent beside it still is.
      tell: ({ kind }) => (kind === 'held' || kind === 'error') && leave(),
      trouble: this.#trouble,
    });
    const [seed] = crypto.getRandomValues(new BigUint64Array(1));
    session = new (wasm().Session)(this.#face(keeper, keys, () => session, over.resolve), seed as bigint);
    this.#leave = leave;
    session.connect({ ...settings, autoreconnect: false });
    await over.promise;
    this.#leave = undefined;
    clearTimeout(lingering);
    session.close();
    await keeper.quiet();
    session.free();
    session = undefined;
    keys.close();
    keeper.close();
    await keeper.quiet();
  }

  /** Of all that happens, only receipts are told: messages wait for a client that has this device for itself. */
  #face(keeper: Keeper, keys: Keys, session: () => Session | undefined, over: () => void): Face {
    const ignore = () => {};
    const sendings = new Sendings(this.#tell);
    const end = () => queueMicrotask(over);
    return {
      open: openSocket,
      probe: (url) => void probe(url).then(({ isRefused, speaksV2 }) => session()?.originProbed(isRefused, speaksV2)),
      restore: (credential) => keeper.restore(credential),
      persist: (ticket, changes, strict) => keeper.persist(ticket, changes, strict),
      ask: (question) => question[0] !== OPEN && keys.ask(question),
      outbox: (waiting) => waiting === 0 && end(),
      refused: end,
      lost: end,
      restored: (ticket, id) => sendings.restored(ticket, id),
      accepted: (ticket, acceptance) => sendings.accepted(ticket, acceptance),
      receipt: (news) => sendings.news(news),
      sent: (ticket, { timestamp, encrypted }) => sendings.sent(ticket, Number(timestamp), encrypted),
      notSent: (ticket, failure) => sendings.notSent(ticket, failure),
      frame: ignore,
      state: (state) => keys.state(state === STATE.REGISTERED),
      registered: ignore,
      message: ignore,
      reply: ignore,
      noReply: ignore,
      gap: ignore,
      devices: (devices) => keys.ownDevices(devices),
      found: ignore,
      notFound: ignore,
      trouble: ignore,
    };
  }
}
