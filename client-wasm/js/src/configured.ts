/** The settings of a client, each a property that can be read and assigned at any time. */

import { invalid } from './error.ts';
import { GuardedTarget } from './events.ts';
import type { Location, Peer } from './peer.ts';
import { Settings } from './settings.ts';

/** What a client is before it does anything. */
export abstract class Configured extends GuardedTarget {
  /** @internal */
  protected readonly settings = new Settings();

  /** A setting has changed. @internal */
  protected abstract configured(): void;

  /** The server's address, `ws://…` or `wss://…`; used at the next connection. */
  get server(): string {
    return this.settings.server;
  }
  set server(server: string) {
    this.#change({ server });
  }

  /** The name shown to people. */
  get name(): string {
    return this.settings.name;
  }
  set name(name: string) {
    this.#change({ name });
  }

  /** The e-mail address, or another way to reach the person. */
  get email(): string {
    return this.settings.email;
  }
  set email(email: string) {
    this.#change({ email });
  }

  /**
   * The secret. A plain one is hashed as it is assigned, or, when the WebAssembly is not loaded yet, as soon as it is;
   * until then it is kept in private. Reading gives the hash, as it goes on the wire.
   */
  get secret(): string {
    return this.settings.secret;
  }
  set secret(secret: string) {
    this.#change({ secret });
  }

  /** Where the peer says it is. */
  get location(): Location {
    return this.settings.location;
  }
  set location(location: Location) {
    this.#change({ location });
  }

  /** Whether others can find the peer by searching. */
  get publish(): boolean {
    return this.settings.publish;
  }
  set publish(publish: boolean) {
    this.#change({ publish });
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
    return this.settings.autoreconnect;
  }
  set autoreconnect(autoreconnect: boolean) {
    this.#change({ autoreconnect });
  }

  /** What a person calls this device; shown to the peer's other devices. */
  get device(): string {
    return this.settings.device;
  }
  set device(device: string) {
    this.#change({ device });
  }

  /** The address of this client's peer: 32 hex digits, computed from name, e-mail address and secret. */
  get credential(): string {
    return this.settings.credential;
  }

  /** This client's peer, a copy. */
  get peer(): Peer {
    return this.settings.peer();
  }

  #change(change: Partial<Settings>): void {
    Object.assign(this.settings, change);
    this.configured();
  }
}
