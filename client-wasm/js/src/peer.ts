/** Who somebody is. */

import { Fields, enumerable } from './fields.ts';
import { PEER, hashOf } from './hash.ts';
import { hashSecret, wireSecret } from './secret.ts';
import { object, string } from './spell.ts';

/** Where a peer says it is; what it does not know reads `unknown`. */
export interface Location {
  city: string;
  country: string;
  addr: string;
  coords?: unknown;
  [more: string]: unknown;
}

/** A peer as a plain object, as it stands on the wire. */
export interface PeerValue {
  credential: string;
  name: string;
  email: string;
  secret: string;
  location: Location;
  publish: boolean;
}

/** A peer that a search found: everything but its secret. */
export type FoundPeer = Omit<PeerValue, 'secret'>;

/** A place that says nothing. */
export function unknownLocation(): Location {
  return { city: 'unknown', country: 'unknown', addr: 'unknown' };
}

/** The credential of (name, e-mail address, secret on the wire). */
export function credentialOf(name: string, email: string, secret: string): string {
  return hashOf(PEER, JSON.stringify(name), JSON.stringify(email), JSON.stringify(secret));
}

/** A peer. Its credential follows its name, e-mail address and secret. */
export class Peer extends Fields<PeerValue> {
  #name = '';
  #email = '';
  #secret: string;
  #location: Location = unknownLocation();
  #publish = false;

  /**
   * A peer with these fields; those that are missing are empty. `secret` is taken as it stands on the wire
   * (32 hex digits), as `value()` gives it; assign to the `secret` property to have a plain one hashed.
   */
  constructor(value: Partial<PeerValue> = {}) {
    super();
    this.#secret = value.secret === undefined ? hashSecret('') : wireSecret(value.secret);
    if (value.name !== undefined) this.name = value.name;
    if (value.email !== undefined) this.email = value.email;
    if (value.location !== undefined) this.location = value.location;
    if (value.publish !== undefined) this.publish = value.publish;
  }

  /** The address of the peer: 32 hex digits, computed from its name, e-mail address and secret. */
  get credential(): string {
    return credentialOf(this.#name, this.#email, this.#secret);
  }

  /** The name shown to people. */
  get name(): string {
    return this.#name;
  }
  set name(name: string) {
    this.#name = string('name', name);
  }

  /** The e-mail address, or another way to reach the person. */
  get email(): string {
    return this.#email;
  }
  set email(email: string) {
    this.#email = string('email', email);
  }

  /** The secret. Assigning a plain one hashes it at once; reading gives the hash. */
  get secret(): string {
    return this.#secret;
  }
  set secret(plain: string) {
    this.#secret = hashSecret(plain);
  }

  /** Where the peer says it is. */
  get location(): Location {
    return this.#location;
  }
  set location(location: Location) {
    this.#location = object('location', location);
  }

  /** Whether others can find the peer by searching. */
  get publish(): boolean {
    return this.#publish;
  }
  set publish(publish: boolean) {
    this.#publish = Boolean(publish);
  }

  override value(): PeerValue {
    const { credential, name, email, secret, location, publish } = this;
    return { credential, name, email, secret, location, publish };
  }
}

enumerable(Peer.prototype, 'credential', 'name', 'email', 'secret', 'location', 'publish');
