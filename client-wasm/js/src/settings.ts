/** What a client is told about its server and its peer. */

import type { WireSettings } from 'msgsrouter-wasm';
import { Peer, credentialOf, unknownLocation, type Location } from './peer.ts';
import { hashSecret, plainSecret } from './secret.ts';
import { object, string } from './spell.ts';
import { whenLoaded } from './wasm.ts';

/** Checked settings, and what is computed from them. */
export class Settings {
  #server = '';
  #name = '';
  #email = '';
  #location = unknownLocation();
  #publish = false;
  #autoreconnect = true;
  #device = '';
  #secret: string | undefined;
  /** Only until the module is loaded that can hash it. */
  #plainSecret: string | undefined = '';

  get server(): string {
    return this.#server;
  }
  set server(server: string) {
    this.#server = string('server', server);
  }

  get name(): string {
    return this.#name;
  }
  set name(name: string) {
    this.#name = string('name', name);
  }

  get email(): string {
    return this.#email;
  }
  set email(email: string) {
    this.#email = string('email', email);
  }

  /** The secret on the wire. */
  get secret(): string {
    this.#hash();
    return this.#secret as string;
  }
  set secret(plain: string) {
    this.#plainSecret = plainSecret(plain);
    whenLoaded(() => this.#hash());
  }

  get location(): Location {
    return this.#location;
  }
  set location(location: Location) {
    this.#location = object('location', location);
  }

  get publish(): boolean {
    return this.#publish;
  }
  set publish(publish: boolean) {
    this.#publish = Boolean(publish);
  }

  get autoreconnect(): boolean {
    return this.#autoreconnect;
  }
  set autoreconnect(autoreconnect: boolean) {
    this.#autoreconnect = Boolean(autoreconnect);
  }

  get device(): string {
    return this.#device;
  }
  set device(device: string) {
    this.#device = string('device', device);
  }

  get credential(): string {
    return credentialOf(this.#name, this.#email, this.secret);
  }

  /** A peer with these settings, of which changes do not come back. */
  peer(): Peer {
    const { name, email, secret, location, publish } = this;
    return new Peer({ name, email, secret, location: structuredClone(location), publish });
  }

  /** What the session takes. */
  onTheWire(): WireSettings {
    const { server, name, email, secret, location, publish, autoreconnect, device } = this;
    const [nameText, emailText, secretText, locationText] = [name, email, secret, location].map((value) => JSON.stringify(value));
    return {
      server,
      name: nameText as string,
      email: emailText as string,
      secret: secretText as string,
      location: locationText as string,
      publish,
      autoreconnect,
      device,
    };
  }

  #hash(): void {
    if (this.#plainSecret === undefined) return;
    this.#secret = hashSecret(this.#plainSecret);
    this.#plainSecret = undefined;
  }
}
