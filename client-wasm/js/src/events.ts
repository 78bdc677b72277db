/** Events of a client, and an event target whose listeners cannot harm it. */

import * as CODE from './code.ts';
import { MsrError } from './error.ts';
import type { Message } from './message.ts';
import type { ReceiptChange } from './receipt.ts';

/** `client.state`. */
export const STATE = Object.freeze({ CLOSED: 0, OPENED: 1, REGISTERED: 2 } as const);

/** One of `STATE`. */
export type State = (typeof STATE)[keyof typeof STATE];

/** How a connection ended. */
export interface Closed {
  /** The WebSocket close code; 1006 when nobody said one. */
  code: number;
  /** What the other side said. */
  reason: string;
  /** When it is tried again, in ms; `null` when it is not. */
  retryIn: number | null;
}

/** A raw frame, told while `client.trace` is `true`. The registration shows the secret's hash. */
export interface Frame {
  direction: 'in' | 'out';
  /** Version 1: what was written. Version 2: the names of the frames in the message, one a line. */
  text: string;
  /** Version 2: what was written. */
  bytes?: Uint8Array;
  /** ms since 1970, by this machine's clock. */
  time: number;
}

/** A device of the peer: a page, or a process. */
export interface Device {
  /** 32 hex digits. */
  id: string;
  /** What a person calls it: `client.device`. */
  name: string;
  /** Whether it is connected. */
  online: boolean;
  /** When it was last connected, in ms since 1970 by the server's clock. */
  seen: number;
  /** How many messages wait for it. */
  waiting: number;
  /** Whether it is this one. */
  isThis: boolean;
}

/** Another key or device than was known of a peer, or of this one itself. */
export interface PeerChange {
  /** Whose. */
  credential: string;
  /** What: keys of a peer that had none, another key, a device more or less, and the same of this client's own peer. */
  change: 'new-peer' | 'new-key' | 'device-added' | 'device-removed' | 'own-device-added' | 'own-device-removed';
  /** Which device, 32 hex digits. */
  device?: string;
  /** Whether messages for the peer are held until `client.accept(credential)`. */
  held: boolean;
}

/** What the `detail` of each event is. */
export interface ClientEvents {
  message: Message;
  state: State;
  receipt: ReceiptChange;
  /** Messages for this device were lost: the server's store was, or this device's, or too much waited. */
  gap: null;
  /** The devices of the peer. */
  devices: readonly Device[];
  peerchange: PeerChange;
  error: MsrError;
  /** How many messages wait. */
  outbox: number;
  close: Closed;
  frame: Frame;
}

/** An event of a client. */
export type ClientEvent<Type extends keyof ClientEvents> = CustomEvent<ClientEvents[Type]>;

type Listener<Type extends keyof ClientEvents> =
  | ((event: ClientEvent<Type>) => unknown)
  | { handleEvent(event: ClientEvent<Type>): unknown };

/** An `EventTarget` that reports what a listener throws as an `error` event and on the console, and goes on. */
export class GuardedTarget extends EventTarget {
  /** One guard a listener, so that adding it twice and removing it work as they do in the DOM. */
  #guards = new WeakMap<object, (event: Event) => void>();

  override addEventListener<Type extends keyof ClientEvents>(
    type: Type,
    listener: Listener<Type> | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, listener && this.#guard(listener), options);
  }

  override removeEventListener<Type extends keyof ClientEvents>(
    type: Type,
    listener: Listener<Type> | null,
    options?: boolean | EventListenerOptions,
  ): void;
  override removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void {
    super.removeEventListener(type, listener && (this.#guards.get(listener) ?? null), options);
  }

  /** Tells the listeners. */
  protected emit<Type extends keyof ClientEvents>(type: Type, detail: ClientEvents[Type]): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Runs a handler of the page; what it throws, or rejects with, is reported. */
  protected run(handler: () => unknown, on: string): void {
    const failed = (cause: unknown) => this.#report(cause, on);
    try {
      const result = handler();
      if (result instanceof Promise) result.catch(failed);
    } catch (cause) {
      failed(cause);
    }
  }

  #guard(listener: EventListenerOrEventListenerObject): (event: Event) => void {
    let guard = this.#guards.get(listener);
    if (!guard) {
      guard = (event) =>
        this.run(() => (typeof listener === 'function' ? listener.call(this, event) : listener.handleEvent(event)), event.type);
      this.#guards.set(listener, guard);
    }
    return guard;
  }

  #report(cause: unknown, on: string): void {
    console.error(cause);
    // A listener of errors that fails is on the console; to tell it of its own failure would not end.
    if (on !== 'error') this.emit('error', new MsrError(CODE.HANDLER_FAILED, `A handler of '${on}' failed`, false, { cause }));
  }
}
