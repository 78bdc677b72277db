/** What a client is told about its server and its peer. */

import type { WireSettings } from 'msgsrouter-wasm';
import * as CODE from './code.ts';
import { MsrError, invalid } from './error.ts';
import { accountOf, type Account } from './keys/account.ts';
import type { IdentityKind } from './options.ts';
import { Peer, credentialOf, unknownLocation, type Location } from './peer.ts';
import { hashSecret, isAccount, plainSecret } from './secret.ts';
import { object, string } from './spell.ts';
import { whenLoaded } from './wasm.ts';

/** What is known of the account of these words. */
interface Known extends Partial<Account> {
  name: string;
  email: string;
  secret: string;
}

/** Checked settings, and what is computed from them. */
export class Settings {
  #server = '';
  #name = '';
  #email = '';
  #location = unknownLocation();
  #publish = false;
  #autoreconnect = true;
  #device = '';
  #identity: IdentityKind = 'key';
  /** Whether nobody chose the kind of identity, and it is that of the original. */
  #isOriginal = false;
  /** Only until it is hashed, or a key derived of it. */
  #plain: string | undefined = '';
  #hash: string | undefined;
  #account: Known | undefined;

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

  get identity(): IdentityKind {
    return this.#identity;
  }
  set identity(identity: IdentityKind) {
    if (identity !== 'key' && identity !== 'md5') throw invalid(`identity must be 'key' or 'md5'`);
    this.#identity = identity;
    this.#isOriginal = false;
    whenLoaded(() => this.#hashIt());
  }

  /** The secret on the wire. */
  get secret(): string {
    const secret = this.#identity === 'key' ? this.#known?.secret : this.#hashIt();
    if (secret !== undefined) return secret;
    if (this.#identity === 'key' && this.#plain !== undefined) throw new MsrError(CODE.NOT_IDENTIFIED, 'Not identified yet: await client.identify() first');
    throw new MsrError(CODE.SECRET_REQUIRED, 'Name, e-mail address or kind of identity changed: set the secret again');
  }
  set secret(plain: string) {
    this.#plain = plainSecret(plain);
    this.#hash = this.#account = undefined;
    whenLoaded(() => this.#hashIt());
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

  /** Whether what goes on the wire can be read. */
  get isIdentified(): boolean {
    return this.#identity === 'md5' || this.#known !== undefined;
  }

  /** The private half of the account key; nothing where the secret was given as the public one. */
  get seed(): Uint8Array | undefined {
    return this.#known?.seed;
  }

  /** Takes the identity of the original, as long as nobody chooses one. */
  beOriginal(): void {
    this.identity = 'md5';
    this.#isOriginal = true;
  }

  /** Says once what an identity that nobody chose is worth. */
  warn(): void {
    if (!this.#isOriginal) return;
    this.#isOriginal = false;
    console.warn(`msgsrouter: identity 'md5' is as the original had it: who guesses the secret is this peer. Set identity to 'key', or to 'md5'.`);
  }

  /** Derives the key of an identity by key, unless that is done. `check` is told the credential that the words have by MD5. */
  async identify(check: (md5: string) => Promise<void>): Promise<void> {
    while (!this.isIdentified) {
      const [name, email, plain] = [this.#name, this.#email, this.#plain];
      // Says what is missing.
      if (plain === undefined) return void this.secret;
      await check(credentialOf(name, email, hashSecret(plain)));
      const account = await accountOf(name, email, plain);
      if (plain !== this.#plain || this.#identity !== 'key') continue;
      this.#account = { name, email, ...account };
      // Somebody who changed a word meanwhile has it derived again.
      if (this.isIdentified) this.#plain = undefined;
    }
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

  /** The account of the words as they are now. */
  get #known(): Known | undefined {
    const [name, email] = [this.#name, this.#email];
    if (this.#plain !== undefined && isAccount(this.#plain)) return { name, email, secret: this.#plain };
    return this.#account?.name === name && this.#account.email === email ? this.#account : undefined;
  }

  #hashIt(): string | undefined {
    if (this.#identity !== 'md5' || this.#plain === undefined) return this.#hash;
    this.#hash = hashSecret(this.#plain);
    this.#plain = undefined;
    return this.#hash;
  }
}
