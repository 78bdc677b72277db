/** The client: settings in, messages out. Everything it decides is decided in the session behind it. */

import type { Face, Incoming, Session } from 'msgsrouter-wasm';
import { keepRunning, openSocket, whyNoSocket } from '#host';
import { cancellable, type Start } from './cancel.ts';
import { deferred, type Deferred } from './deferred.ts';
import { Delivery } from './delivery.ts';
import { draftOf, encryption, type Draft } from './draft.ts';
import * as CODE from './code.ts';
import { MsrError, aborted, closed, invalid } from './error.ts';
import { STATE, type Closed, type Device, type State } from './events.ts';
import { errorOf } from './failure.ts';
import { Inbox, type MessagesOptions } from './inbox.ts';
import { Keyed } from './keyed.ts';
import { Keys } from './keys/keys.ts';
import { Later } from './later.ts';
import { Leftovers } from './leftovers.ts';
import { Message } from './message.ts';
import { encryptionModule } from './modules.ts';
import type { ClientOptions } from './options.ts';
import type { FoundPeer } from './peer.ts';
import { probe } from './probe.ts';
import type { Receipt, RequestOptions, SendOptions } from './receipt.ts';
import { Sendings, take } from './sending.ts';
import { checked, string } from './spell.ts';
import { Keeper } from './store/keeper.ts';
import { onWake } from './wake.ts';
import { wasm } from './wasm.ts';

/** The WebSocket close code of a connection that its own page closed (RFC 6455, 7.4.1). */
const NORMAL_CLOSE = 1000;

/** How long `request` waits for the answer. */
const REQUEST_TIMEOUT_MS = 30_000;

/**
 * A client of one server, for one peer.
 *
 * Handlers and listeners run after the client has done its work, never inside a call of the page; what they throw is
 * reported as an `error` event and on the console, and changes nothing.
 */
export class Client extends Keyed {
  /** What `state` can be. */
  readonly STATE = STATE;
  /** Told each message; prints it until the page puts its own here. */
  onmessage: ((message: Message) => unknown) | null = (message) => console.log(message.value());
  /** Told when a connection is lost or closed, or could not be made. */
  onclose: ((closed: Closed) => unknown) | null = null;
  /** Told when `state` changes. */
  onstate: ((state: State) => unknown) | null = null;

  #session: Session | undefined;
  /** The promise of `connect()`, until it is rejected or the connection it stands for is lost. */
  #connecting: Deferred<void> | undefined;
  #isRegistered = false;
  /** This device is on its way off the list, and the connection is closed then. */
  #leaving: Promise<unknown> | undefined;
  #stopRunning: (() => void) | undefined;
  #stopWaking: (() => void) | undefined;
  #keeper: Keeper;
  #keys: Keys;
  #leftovers: Leftovers;
  #sendings: Sendings;
  #finding = new Map<number, Deferred<FoundPeer[]>>();
  #inboxes = new Set<Inbox>();
  /** Messages that the page is not done with. */
  #deliveries = 0;
  #devices: readonly Device[] = [];
  /** What a session that is over knew of the server's clock. */
  #clock: { offset: number; roundTrip: number | null } = { offset: 0, roundTrip: null };
  #trace = false;
  #later = new Later((act) => this.run(act, 'error'));

  /** A client with these settings; those that are missing can be set later. */
  constructor(options: ClientOptions = {}) {
    super();
    checked(options);
    const trouble = (error: MsrError) => this.#later.add(() => this.emit('error', error));
    this.#sendings = new Sendings((change) => this.emit('receipt', change));
    this.#keeper = new Keeper(() => this.#session, (credential) => this.stores().open(credential), (rows) => this.#keys.restored(rows), trouble);
    this.#keys = new Keys({
      session: () => this.#session,
      keep: (changes, strict, done) => this.#keeper.keep(changes, strict, done),
      owner: () => ({ ...this.settings.onTheWire(), seed: this.settings.seed }),
      tell: (event) => this.#later.add(() => this.told(event)),
      trouble,
    });
    this.#leftovers = new Leftovers(() => this.stores(), (change) => this.#later.add(() => this.emit('receipt', change)), trouble);
    const keys = ['server', 'name', 'email', 'secret', 'location', 'publish', 'identity', 'autoreconnect', 'device', 'storage', 'allowPlain'] as const;
    for (const key of keys) {
      if (options[key] !== undefined) (this as Record<typeof key, unknown>)[key] = options[key];
    }
  }

  /** The ready client of the original, whose identity is `md5`. @internal */
  static original(): Client {
    const client = new Client();
    client.settings.beOriginal();
    return client;
  }

  /** One of `STATE`. */
  get state(): State {
    return (this.#session?.status().state ?? STATE.CLOSED) as State;
  }

  /** How far this clock is ahead of the server's, in ms; 0 until known. */
  get offset(): number {
    return this.#session?.status().offset ?? this.#clock.offset;
  }

  /** The last round trip measured, in ms; `null` until known. */
  get roundTrip(): number | null {
    return this.#session ? (this.#session.status().roundTrip ?? null) : this.#clock.roundTrip;
  }

  /** The devices of this client's peer, as the server named them last; none with a version 1 server. */
  get devices(): readonly Device[] {
    return this.#devices;
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
      // What signs the connection comes before it: a server waits a few seconds for a registration.
      const signing = this.identity === 'key' ? encryptionModule().catch(() => {}) : undefined;
      this.#whenLoaded(() => this.#open(connecting), Promise.all([this.#leaving, signing])).catch((error) => this.#connecting === connecting && this.#giveUp(error));
    }
    return this.#connecting.promise;
  }

  /** Closes the connection, and does not make it anew. What waits to be sent goes on waiting. */
  close(): void {
    const isLeaving = this.#leaving !== undefined;
    this.#end((session) => (isLeaving ? session.bye() : session.close()));
  }

  /**
   * Signs out and closes the connection, and does not make it anew. A device whose `storage` is memory goes off the list of
   * its peer first, which takes a moment, where nobody needs it there any more.
   */
  bye(): void {
    const device = this.#isRegistered && this.#isDone && this.#keeper.isInMemory ? this.deviceToLeave(this.#devices, this.#sendings.hasSent) : undefined;
    if (this.#leaving) return this.#giveUp(closed()); // There may be a connect() to take back.
    if (device === undefined) return this.#end((session) => session.bye());
    this.#giveUp(closed());
    const leaving: Promise<unknown> = this.leave(device).then((hasLeft) => this.#leaving === leaving && this.#left(device, hasLeft));
    this.#leaving = leaving;
  }

  /**
   * Sends a message to a credential, to `'self'`, or to several. While there is no connection it waits in the outbox, which
   * a reload or a crash does not harm. The promise is fulfilled when the message is on the server's disk; the receipt then
   * goes on changing, and each change is told as a `receipt` event.
   */
  async send(to: string | string[], subject: string, content: unknown, options: SendOptions = {}): Promise<Receipt> {
    return this.#send(to, subject, content, options);
  }

  /**
   * Sends a message that asks for an answer, and gives the answering message: what the receiver gave `msg.reply()`. The
   * first of several receivers that answers counts.
   */
  async request(to: string | string[], subject: string, content: unknown, options: RequestOptions = {}): Promise<Message> {
    const { timeout = REQUEST_TIMEOUT_MS, signal } = checked(options);
    const draft = draftOf(to, subject, content, { request: timeout, ...encryption(options, this.allowPlain) });
    return this.#cancellable(signal, (session) => {
      const { ticket, sent } = this.#hand(session, draft);
      sent.catch(() => {});
      return { ticket, promise: this.#sendings.addRequest(ticket) };
    });
  }

  /** Retires a device of the peer, by its id: its queue is freed, and it gets nothing more unless it connects again. */
  async retire(device: string): Promise<void> {
    return this.#whenLoaded((session) => {
      if (!session.retire(string('device', device))) throw invalid('device must be 32 hex digits');
    });
  }

  /** Searches for peers that are online and can be found, by a part of their name or e-mail address. */
  async find(keyword: string, options: { signal?: AbortSignal } = {}): Promise<FoundPeer[]> {
    const keywordText = JSON.stringify(string('keyword', keyword));
    return this.#cancellable(checked(options).signal, (session) => {
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
    const inbox = new Inbox(checked(options), (ended) => this.#inboxes.delete(ended));
    this.#inboxes.add(inbox);
    return inbox;
  }

  async #send(to: string | string[], subject: string, content: unknown, options: SendOptions, replyTo?: string): Promise<Receipt> {
    const { expireAfter, realtime = false, id, signal } = checked(options);
    const draft = draftOf(to, subject, content, { expireAfter, realtime, id, replyTo, ...encryption(options, this.allowPlain) });
    return this.#cancellable(signal, (session) => {
      const { ticket, sent } = this.#hand(session, draft);
      return { ticket, promise: sent };
    });
  }

  #hand(session: Session, draft: Draft): { ticket: number; sent: Promise<Receipt> } {
    const to = draft.recipients.map((recipient) => (recipient === 'self' ? this.credential : recipient));
    const ticket = session.send({ ...draft, to: JSON.stringify(to) });
    return { ticket, sent: this.#sendings.add(ticket, draft.id, to) };
  }

  /** Hands a message to whoever is there for it. */
  #deliver(message: Message, delivery: Delivery): void {
    if (this.onmessage) this.run(() => this.onmessage?.(message), 'message');
    this.emit('message', message);
    for (const inbox of this.#inboxes) inbox.take(message);
    delivery.release();
  }

  /** A message that came. What the session waits for is said even when it cannot be read. */
  #received({ text, tag, id, wantsReply, encrypted }: Incoming, bytes: Uint8Array | undefined, then: (message: Message, delivery: Delivery) => void): void {
    const session = this.#session;
    this.#deliveries++;
    const done = () => {
      this.#deliveries--;
      if (tag !== undefined && session === this.#session) session?.handled(tag);
      this.#leaveLater();
    };
    const delivery: Delivery = new Delivery(done, (content, options) => this.#send(message.from, message.subject, content, options, id));
    let message: Message;
    try {
      message = Message.received(text, { bytes, wantsReply, encrypted, delivery });
    } catch (error) {
      delivery.release();
      throw error;
    }
    then(message, delivery);
  }

  /** @internal */
  protected override get isUsed(): boolean {
    return this.#session !== undefined;
  }

  protected override configured(): void {
    // Who is another one now is that with the next connect().
    if (this.settings.isIdentified) this.#session?.configure(this.settings.onTheWire());
  }

  /** @internal */
  protected override async keys(): Promise<Keys> {
    await this.prepare();
    return this.#keys;
  }

  /** Runs `action` with the session: now when there is all that it needs, else as soon as there is. */
  async #whenLoaded<T>(action: (session: Session) => T, more?: Promise<unknown>): Promise<T> {
    if (!this.isReady) await this.prepare();
    if (more) await more;
    if (!this.#session) {
      const [seed] = crypto.getRandomValues(new BigUint64Array(1));
      this.#session = new (wasm().Session)(this.#face(), seed as bigint);
      this.#session.trace(this.#trace);
      this.#session.configure(this.settings.onTheWire());
    }
    return action(this.#session);
  }

  /** Starts something that a signal can take back. */
  async #cancellable<T>(signal: AbortSignal | undefined, start: Start<T>): Promise<T> {
    if (signal?.aborted) throw aborted(signal);
    return this.#whenLoaded((session) => cancellable(session, signal, start));
  }

  /** Whether nobody waits for anything that was sent, or came. */
  get #isDone(): boolean {
    return this.#sendings.isSettled && this.outbox + this.#deliveries === 0;
  }

  #left(device: string, hasLeft: boolean): void {
    this.#hangUp((session) => {
      if (hasLeft && this.#isDone && this.state === STATE.REGISTERED) session.retire(device);
      session.bye();
    });
  }

  #open(connecting: Deferred<void>): void {
    if (this.#connecting !== connecting) return;
    this.settings.warn();
    const missing = whyNoSocket();
    if (missing) throw invalid(missing);
    this.#stopWaking ??= onWake(() => this.#session?.wake());
    this.#session?.connect(this.settings.onTheWire());
  }

  #end(how: (session: Session) => void): void {
    this.#giveUp(closed());
    this.#hangUp(how);
  }

  #hangUp(how: (session: Session) => void): void {
    this.#leaving = undefined;
    const wasOpen = this.state !== STATE.CLOSED;
    if (this.#session) how(this.#session);
    this.#leaveLater();
    for (const inbox of [...this.#inboxes]) inbox.end();
    if (wasOpen) this.#later.add(() => this.#closed({ code: NORMAL_CLOSE, reason: '', retryIn: null }));
  }

  /** There is no connection, and none will be made until the page asks for one. */
  #giveUp(error: unknown): void {
    this.#stopRunning?.();
    this.#stopWaking?.();
    this.#stopRunning = this.#stopWaking = undefined;
    this.#isRegistered = false;
    this.#leftovers.stop();
    this.unheard(error);
    this.#connecting?.reject(error);
    this.#connecting = undefined;
  }

  /** Whether there is to be a connection, be it lost for now. */
  get #isWanted(): boolean {
    return (this.#stopRunning ?? this.#leaving) !== undefined;
  }

  /** A client that is closed and has nothing left to do lets go of its place among the peer's devices. */
  #leaveLater(): void {
    const session = this.#session;
    if (!session || this.#isWanted) return;
    void this.#keeper.quiet().then(() => this.#later.add(() => {
      const isOver = session === this.#session && !this.#isWanted && this.outbox === 0 && this.#keeper.isQuiet && this.#keys.isQuiet;
      if (!isOver || !this.#sendings.isEmpty || this.#finding.size > 0 || this.#deliveries > 0) return;
      const { offset, roundTrip = null } = session.status();
      this.#clock = { offset, roundTrip };
      this.#session = undefined;
      session.free();
      this.#keys.close();
      this.#keeper.close();
    }));
  }

  #closed(closed: Closed): void {
    if (this.onclose) this.run(() => this.onclose?.(closed), 'close');
    this.emit('close', closed);
  }

  /** What the session tells: taken note of at once, acted on after the session has returned. */
  #face(): Face {
    const later = <Arguments extends unknown[]>(act: (...told: Arguments) => void) => {
      return (...told: Arguments) => this.#later.add(() => act(...told));
    };
    return {
      open: openSocket,
      probe: (url) => {
        void probe(url).then(({ isRefused, speaksV2 }) => this.#session?.originProbed(isRefused, speaksV2));
      },
      restore: (credential) => this.#keeper.restore(credential),
      persist: (ticket, changes, strict) => this.#keeper.persist(ticket, changes, strict),
      ask: (question) => this.#keys.ask(question),
      frame: (direction, text, bytes) => {
        const frame = { direction, text, ...(bytes && { bytes }), time: Date.now() };
        this.#later.add(() => this.emit('frame', frame));
      },
      state: (state) => {
        this.#keys.state(state === STATE.REGISTERED);
        this.#later.add(() => {
          if (this.onstate) this.run(() => this.onstate?.(state as State), 'state');
          this.emit('state', state as State);
        });
      },
      registered: later(() => {
        if (this.#leaving) return;
        this.#isRegistered = true;
        this.#devices = [];
        this.#connecting?.resolve();
        this.#leftovers.start({ settings: this.settings.onTheWire(), seed: this.settings.seed }, this.credential);
      }),
      refused: later((failure) => {
        // Said of close() too, which has told everybody already.
        if (failure.code === CODE.CLOSED) return;
        const error = errorOf(failure);
        this.#giveUp(error);
        this.emit('error', error);
        this.#closed({ code: 4000 + failure.code, reason: failure.reason, retryIn: null });
      }),
      message: later((incoming, bytes) => this.#received(incoming, bytes, (message, delivery) => this.#deliver(message, delivery))),
      reply: later((ticket, incoming, bytes) => this.#received(incoming, bytes, (message, delivery) => {
        this.#sendings.replied(ticket, message);
        delivery.release();
      })),
      noReply: later((ticket, failure) => this.#sendings.notReplied(ticket, failure)),
      restored: later((ticket, id) => this.#sendings.restored(ticket, id)),
      accepted: later((ticket, acceptance) => this.#sendings.accepted(ticket, acceptance)),
      receipt: later((news) => this.#sendings.news(news)),
      sent: later((ticket, { timestamp, encrypted }) => this.#sendings.sent(ticket, Number(timestamp), encrypted)),
      notSent: later((ticket, failure) => this.#sendings.notSent(ticket, failure)),
      gap: later(() => this.emit('gap', null)),
      devices: (devices) => {
        this.#keys.ownDevices(devices);
        this.#later.add(() => this.emit('devices', (this.#devices = Object.freeze(devices))));
      },
      found: later((ticket, peers) => take(this.#finding, ticket)?.resolve(JSON.parse(peers))),
      notFound: later((ticket, failure) => take(this.#finding, ticket)?.reject(errorOf(failure))),
      outbox: later((waiting) => {
        this.emit('outbox', waiting);
        this.#leaveLater();
      }),
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
}
