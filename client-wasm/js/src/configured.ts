/** The settings of a client, each a property that can be read and assigned at any time. */

import { GuardedTarget } from './events.ts';
import type { IdentityKind } from './options.ts';
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
   * The secret. A plain one is kept, in private, until `identify()` has derived the key of it (or, with the identity `md5`,
   * until it is hashed). Reading gives what goes on the wire: with the identity `key`, `ed25519:` and the public key, and
   * that can be assigned as well on a device that was a peer's before.
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

  /**
   * The kind of identity. `'key'`: an account key is derived of name, e-mail address and secret, and every connection is
   * signed. `'md5'`: byte for byte as the original computes it; whoever learns the three words, or guesses them, is that peer.
   */
  get identity(): IdentityKind {
    return this.settings.identity;
  }
  set identity(identity: IdentityKind) {
    this.#change({ identity });
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

  /**
   * The address of this client's peer: 32 hex digits, computed from name, e-mail address and secret. With the identity `key`
   * `await identify()` first.
   */
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
