/** The client: settings in, messages out. Everything it decides is decided in the session behind it. */

import type { Face, Failure, Session } from 'msgsrouter-wasm';
import { keepRunning, openSocket, whyNoSocket } from '#host';
import { deferred, type Deferred } from './deferred.ts';
import { CODE, MsrError, aborted, invalid } from './error.ts';
import { GuardedTarget, STATE, type Closed, type State } from './events.ts';
import { Inbox, type MessagesOptions } from './inbox.ts';
import { init } from './init.ts';
import { Message } from './message.ts';
import type { ClientOptions } from './options.ts';
import type { FoundPeer, Location, Peer } from './peer.ts';
import { isOriginRefused } from './probe.ts';
import { randomId, receiptOf, type Receipt, type SendOptions } from './receipt.ts';
import { Settings } from './settings.ts';
import { recipients, spell, string } from './spell.ts';
import { onWake } from './wake.ts';
import { isLoaded, wasm } from './wasm.ts';

/** The WebSocket close code of a connection that its own page closed (RFC 6455, 7.4.1). */
const NORMAL_CLOSE = 1000;

/** A message that was handed to the session. */
interface Sending extends Deferred<Receipt> {
  id: string;
  to: string[];
}

/**
 * A client of one server, for one peer.
 *
 * Handlers and listeners run after the client has done its work, never inside a call of the page; what they throw is
 * reported as an `error` event and on the console, and changes nothing.
 */
export class Client extends GuardedTarget {
  /** What `state` can be. */
  readonly STATE = STATE;
  /** Told each message; prints it until the page puts its own here. */
  onmessage: ((message: Message) => unknown) | null = (message) => console.log(message.value());
  /** Told when a connection is lost or closed, or could not be made. */
  onclose: ((closed: Closed) => unknown) | null = null;
  /** Told when `state` changes. */
  onstate: ((state: State) => unknown) | null = null;

  #settings = new Settings();
  #session: Session | undefined;
  /** The promise of `connect()`, until it is rejected or the connection it stands for is lost. */
  #connecting: Deferred<void> | undefined;
  #isRegistered = false;
  #stopRunning: (() => void) | undefined;
  #stopWaking: (() => void) | undefined;
  #sending = new Map<number, Sending>();
  #finding = new Map<number, Deferred<FoundPeer[]>>();
  #inboxes = new Set<Inbox>();
  #trace = false;
  #told: (() => void)[] = [];

  /** A client with these settings; those that are missing can be set later. */
  constructor(options: ClientOptions = {}) {
    super();
    for (const key of ['server', 'name', 'email', 'secret', 'location', 'publish', 'identity', 'autoreconnect'] as const) {
      if (options[key] !== undefined) (this as Record<typeof key, unknown>)[key] = options[key];
    }
  }

  /** The server's address, `ws://…` or `wss://…`; used at the next connection. */
  get server(): string {
    return this.#settings.server;
  }
  set server(server: string) {
    this.#configure({ server });
  }

  /** The name shown to people. */
  get name(): string {
    return this.#settings.name;
  }
  set name(name: string) {
    this.#configure({ name });
  }

  /** The e-mail address, or another way to reach the person. */
  get email(): string {
    return this.#settings.email;
  }
  set email(email: string) {
    this.#configure({ email });
  }

  /**
   * The secret. A plain one is hashed as it is assigned, or, when the WebAssembly is not loaded yet, as soon as it is;
   * until then it is kept in private. Reading gives the hash, as it goes on the wire.
   */
  get secret(): string {
    return this.#settings.secret;
  }
  set secret(secret: string) {
    this.#configure({ secret });
  }

  /** Where the peer says it is. */
  get location(): Location {
    return this.#settings.location;
  }
  set location(location: Location) {
    this.#configure({ location });
  }

  /** Whether others can find the peer by searching. */
  get publish(): boolean {
    return this.#settings.publish;
  }
  set publish(publish: boolean) {
    this.#configure({ publish });
  }

  /** The kind of identity: there is `md5` alone, byte for byte as the original computes it. */
  get identity(): 'md5' {
    return 'md5';
  }
  set identity(identity: 'md5') {
    if (identity !== 'md5') throw invalid(`identity must be 'md5'`);
  }

  /** Whether a lost connection is made anew. */
  get autoreconnect(): boolean {
    return this.#settings.autoreconnect;
  }
  set autoreconnect(autoreconnect: boolean) {
    this.#configure({ autoreconnect });
  }

  /** The address of this client's peer: 32 hex digits, computed from name, e-mail address and secret. */
  get credential(): string {
    return this.#settings.credential;
  }

  /** This client's peer, a copy. */
  get peer(): Peer {
    return this.#settings.peer();
  }

  /** One of `STATE`. */
  get state(): State {
    return (this.#session?.status().state ?? STATE.CLOSED) as State;
  }

  /** How far this clock is ahead of the server's, in ms; 0 until known. */
  get offset(): number {
    return this.#session?.status().offset ?? 0;
  }

  /** The last round trip measured, in ms; `null` until known. */
  get roundTrip(): number | null {
    return this.#session?.status().roundTrip ?? null;
  }

  /** How many messages wait to be sent. */
  get outbox(): number {
    return this.#session?.status().outbox ?? 0;
  }

  /** The server's time, in ms since 1970: `Date.now() - offset`. */
  getTime(): number {
    return Date.now() - this.offset;
  }

  /** Whether each raw frame is told as a `frame` event. */
  get trace(): boolean {
    return this.#trace;
  }
  set trace(trace: boolean) {
    this.#trace = Boolean(trace);
    this.#session?.trace(this.#trace);
  }

  /**
   * Connects and registers. The promise is fulfilled with the registration and rejected on a final refusal, or when the
   * client is closed first; on all else the client keeps trying. Calling it again gives the same promise.
   */
  connect(): Promise<void> {
    if (!this.#connecting) {
      const connecting = deferred<void>();
      this.#connecting = connecting;
      this.#stopRunning ??= keepRunning();
      this.#whenLoaded(() => this.#open(connecting)).catch((error) => this.#connecting === connecting && this.#giveUp(error));
    }
    return this.#connecting.promise;
  }

  /** Closes the connection, and does not make it anew. What waits to be sent goes on waiting. */
  close(): void {
    this.#end((session) => session.close());
  }

  /** Signs out and closes the connection, and does not make it anew. */
  bye(): void {
    this.#end((session) => session.bye());
  }

  /**
   * Sends a message to a credential, to `'self'`, or to several. While there is no connection it waits in the outbox.
   * The promise is fulfilled when the message is written.
   */
  async send(to: string | string[], subject: string, content: unknown, options: SendOptions = {}): Promise<Receipt> {
    const { expireAfter, realtime = false, id = randomId(), signal } = options;
    const named = recipients(to);
    const subjectText = JSON.stringify(string('subject', subject));
    const contentText = spell(content);
    return this.#cancellable(signal, (session) => {
      const to = named.map((recipient) => (recipient === 'self' ? this.credential : recipient));
      const ticket = session.send(JSON.stringify(to), subjectText, contentText, expireAfter, realtime);
      const sending = { ...deferred<Receipt>(), id, to };
      this.#sending.set(ticket, sending);
      return { ticket, promise: sending.promise };
    });
  }

  /** Searches for peers that are online and can be found, by a part of their name or e-mail address. */
  async find(keyword: string, options: { signal?: AbortSignal } = {}): Promise<FoundPeer[]> {
    const keywordText = JSON.stringify(string('keyword', keyword));
    return this.#cancellable(options.signal, (session) => {
      const ticket = session.find(keywordText);
      const finding = deferred<FoundPeer[]>();
      this.#finding.set(ticket, finding);
      return { ticket, promise: finding.promise };
    });
  }

  /**
   * The messages that come from now on, for a `for await` loop. The loop ends with `close()`, `bye()`, or the signal;
   * one that leaves too many waiting ends with an `MsrError`.
   */
  messages(options: MessagesOptions = {}): AsyncIterableIterator<Message> {
    const inbox = new Inbox(options, (ended) => this.#inboxes.delete(ended));
    this.#inboxes.add(inbox);
    return inbox;
  }

  /** Changes settings; the session hears of them if there is one. */
  #configure(change: Partial<Settings>): void {
    Object.assign(this.#settings, change);
    this.#session?.configure(this.#settings.onTheWire());
  }

  /** Runs `action` with the session: now when the WebAssembly is loaded, else as soon as it is. */
  async #whenLoaded<T>(action: (session: Session) => T): Promise<T> {
    if (!isLoaded()) await init();
    if (!this.#session) {
      const [seed] = crypto.getRandomValues(new BigUint64Array(1));
      this.#session = new (wasm().Session)(this.#face(), seed as bigint);
      this.#session.trace(this.#trace);
      this.#session.configure(this.#settings.onTheWire());
    }
    return action(this.#session);
  }

  /** Starts something that a signal can take back. */
  async #cancellable<T>(
    signal: AbortSignal | undefined,
    start: (session: Session) => { ticket: number; promise: Promise<T> },
  ): Promise<T> {
    if (signal?.aborted) throw aborted(signal);
    return this.#whenLoaded(async (session) => {
      if (signal?.aborted) throw aborted(signal);
      const { ticket, promise } = start(session);
      const cancel = () => session.cancel(ticket);
      signal?.addEventListener('abort', cancel, { once: true });
      try {
        return await promise;
      } finally {
        signal?.removeEventListener('abort', cancel);
      }
    });
  }

  #open(connecting: Deferred<void>): void {
    if (this.#connecting !== connecting) return;
    const missing = whyNoSocket();
    if (missing) throw invalid(missing);
    this.#stopWaking ??= onWake(() => this.#session?.wake());
    this.#session?.connect(this.#settings.onTheWire());
  }

  #end(how: (session: Session) => void): void {
    const wasOpen = this.state !== STATE.CLOSED;
    if (this.#session) how(this.#session);
    this.#giveUp(new MsrError(CODE.CLOSED, 'The client was closed'));
    for (const inbox of [...this.#inboxes]) inbox.end();
    if (wasOpen) this.#later(() => this.#closed({ code: NORMAL_CLOSE, reason: '', retryIn: null }));
  }

  /** There is no connection, and none will be made until the page asks for one. */
  #giveUp(error: unknown): void {
    this.#stopRunning?.();
    this.#stopWaking?.();
    this.#stopRunning = this.#stopWaking = undefined;
    this.#isRegistered = false;
    this.#connecting?.reject(error);
    this.#connecting = undefined;
  }

  #closed(closed: Closed): void {
    if (this.onclose) this.run(() => this.onclose?.(closed), 'close');
    this.emit('close', closed);
  }

  /** What the session tells: taken note of at once, acted on after the session has returned. */
  #face(): Face {
    const later = <Arguments extends unknown[]>(act: (...told: Arguments) => void) => {
      return (...told: Arguments) => this.#later(() => act(...told));
    };
    return {
      open: openSocket,
      probe: (url) => {
        void isOriginRefused(url).then((refused) => this.#session?.originProbed(refused));
      },
      frame: (direction, text) => {
        const time = Date.now();
        this.#later(() => this.emit('frame', { direction, text, time }));
      },
      state: later((state) => {
        if (this.onstate) this.run(() => this.onstate?.(state as State), 'state');
        this.emit('state', state as State);
      }),
      registered: later(() => {
        this.#isRegistered = true;
        this.#connecting?.resolve();
      }),
      refused: later((failure) => {
        // Said of close() too, which has told everybody already.
        if (failure.code === CODE.CLOSED) return;
        const error = errorOf(failure);
        this.#giveUp(error);
        this.emit('error', error);
        this.#closed({ code: 4000 + failure.code, reason: failure.reason, retryIn: null });
      }),
      message: later((text) => {
        const message = Message.received(text);
        if (this.onmessage) this.run(() => this.onmessage?.(message), 'message');
        this.emit('message', message);
        for (const inbox of this.#inboxes) inbox.take(message);
      }),
      sent: later((ticket, { timestamp }) => {
        const sending = take(this.#sending, ticket);
        if (!sending) return;
        const receipt = receiptOf(sending.id, Number(timestamp), sending.to);
        sending.resolve(receipt);
        this.emit('receipt', receipt);
      }),
      notSent: later((ticket, failure) => {
        const sending = take(this.#sending, ticket);
        if (!sending) return;
        const error = errorOf(failure);
        sending.reject(error);
        this.emit('receipt', receiptOf(sending.id, Date.now(), sending.to, error));
      }),
      found: later((ticket, peers) => take(this.#finding, ticket)?.resolve(JSON.parse(peers))),
      notFound: later((ticket, failure) => take(this.#finding, ticket)?.reject(errorOf(failure))),
      outbox: later((waiting) => this.emit('outbox', waiting)),
      trouble: later((failure) => this.emit('error', errorOf(failure))),
      lost: later((code, reason, retryInMs) => {
        const retryIn = retryInMs ?? null;
        if (retryIn === null) this.#giveUp(new MsrError(CODE.CLOSED, reason));
        // What was fulfilled is over: the next connect() waits for the next registration.
        else if (this.#isRegistered) this.#connecting = undefined;
        this.#isRegistered = false;
        this.#closed({ code, reason, retryIn });
      }),
    };
  }

  #later(act: () => void): void {
    if (this.#told.push(act) === 1) queueMicrotask(() => this.#tell());
  }

  #tell(): void {
    // Handlers may make the session tell more: that comes behind what it told before.
    for (const act of this.#told) this.run(act, 'error');
    this.#told.length = 0;
  }
}

function take<T>(map: Map<number, T>, ticket: number): T | undefined {
  const value = map.get(ticket);
  map.delete(ticket);
  return value;
}

function errorOf({ code, reason, retry }: Failure): MsrError {
  return new MsrError(code, reason, retry);
}
