/** What a client does with keys: who it is, whom it trusts, which devices are its own. */

import type * as Encryption from 'msgsrouter-encryption';
import { storesOf } from '#host';
import { Configured } from './configured.ts';
import { deferred, type Deferred } from './deferred.ts';
import { MsrError, invalid } from './error.ts';
import type { Device } from './events.ts';
import { init } from './init.ts';
import { opened, random, sealed } from './keys/backup.ts';
import type { KeyEvent, Keys } from './keys/keys.ts';
import { passphraseModule } from './modules.ts';
import { plainSecret } from './secret.ts';
import { bytesOf, isBytes, string } from './spell.ts';
import type { Stores } from './store/store.ts';
import { isLoaded } from './wasm.ts';

const CREDENTIAL = /^[0-9a-f]{32}$/;
/** How long is waited until a device that leaves is off the list. */
const LEAVE_MS = 2_000;
const ENTROPY_BYTES = 16;

/** A device of a peer, as its account signed it. */
export interface PeerDevice {
  /** 32 hex digits. */
  id: string;
  /** When it became one, in ms since 1970 by its own clock. */
  enrolled: number;
  /** Whether messages are encrypted for it; one that is new to a peer that was verified waits for `accept`. */
  trusted: boolean;
}

/** What is known of the keys of a peer. */
export interface PeerKeys {
  /** Its devices, as they were seen last. */
  devices: PeerDevice[];
  /** Whether its safety number was compared: `verify` said so, on this device or before a backup that was taken over. */
  verified: boolean;
  /** Whether messages for it are held: until `accept`, where its keys or devices changed. */
  held: boolean;
}

/** What two people compare to be sure of each other's keys. */
export interface SafetyNumber {
  /** 60 digits, the same on both sides. */
  digits: string;
  /** What a QR code says that this peer shows to the other. */
  qr: string;
  /** That code as an SVG picture, black on white with the white edge that scanners want. */
  svg: string;
}

/** Bits of guessing that a secret takes, roughly: below 40 somebody guesses it, from 70 on nobody does. */
export async function secretStrength(secret: string): Promise<number> {
  return (await passphraseModule()).strength(plainSecret(secret).normalize('NFC'));
}

/** A client as far as keys go. */
export abstract class Keyed extends Configured {
  #allowPlain = false;
  #revoking = new Map<string, Deferred<void>>();

  #preparing: Promise<void> | undefined;
  #storage = 'auto';
  #stores: Stores | undefined;

  /** The keys of this device. @internal */
  protected abstract keys(): Promise<Keys>;
  /** Whether there is a session. @internal */
  protected abstract get isUsed(): boolean;

  /**
   * Where messages are kept that wait to be sent, and what was handled: `'auto'`, on disk (a browser's IndexedDB; in Node
   * the folder that the environment names as MSGSROUTER_STORAGE, or `~/.msgsrouter`); `'memory'`; in Node a path as well.
   * Set it before the client is used.
   */
  get storage(): string {
    return this.#storage;
  }
  set storage(storage: string) {
    if (this.isUsed) throw invalid('storage is set before the client is used');
    this.#stores = storesOf(string('storage', storage));
    this.#storage = storage;
  }

  /** Where records are kept. @internal */
  protected stores(): Stores {
    this.#stores ??= storesOf(this.#storage);
    return this.#stores;
  }

  /** Whether the client knows who it is. @internal */
  protected get isReady(): boolean {
    return isLoaded() && this.settings.isIdentified;
  }

  /** Makes sure that it does. @internal */
  protected async prepare(): Promise<void> {
    if (this.isReady) return;
    const done = () => (this.#preparing = undefined);
    this.#preparing ??= init()
      .then(() => this.settings.identify((md5) => this.#refuseWordsOf(md5)))
      // A session that is there already was not told while the key was unknown.
      .then(() => this.configured())
      .finally(done);
    return this.#preparing;
  }

  /**
   * Whether messages that cannot be encrypted may go as they are to peers of whom no keys were ever seen. Without it they
   * are held until keys are seen, for a server could pretend that there are none.
   */
  get allowPlain(): boolean {
    return this.#allowPlain;
  }
  set allowPlain(allowPlain: boolean) {
    this.#allowPlain = Boolean(allowPlain);
  }

  /**
   * Derives the account key of name, e-mail address and secret, which takes a moment and 64 MiB, in a worker. Then `credential`,
   * `peer` and `secret` can be read. `connect()` and `send()` call it by themselves.
   */
  async identify(): Promise<void> {
    await this.prepare();
  }

  /** Accepts the keys and devices of a peer as they are now: what was held for it goes out. */
  async accept(credential: string): Promise<void> {
    const peer = checkedCredential(credential);
    await (await this.keys()).act((keys, now) => keys.accept(peer, now), peer);
  }

  /** Says that the safety number of a peer was compared, or takes that back: each new device of it then waits for `accept`. */
  async verify(credential: string, verified = true): Promise<void> {
    const peer = checkedCredential(credential);
    await (await this.keys()).act((keys, now) => keys.verify(peer, verified, now), peer);
  }

  /** The safety number of this peer and another one, whose keys were seen. */
  async safetyNumber(credential: string): Promise<SafetyNumber> {
    const peer = checkedCredential(credential);
    return (await this.keys()).act((keys) => keys.safetyNumber(peer), peer);
  }

  /** What is known of the keys of a peer. Rejects with code 459 when none were seen. */
  async peerKeys(credential: string): Promise<PeerKeys> {
    const peer = checkedCredential(credential);
    return (await this.keys()).act((keys) => keys.peerKeys(peer), peer);
  }

  /** The devices of a peer, as they were seen last: those of `peerKeys`. */
  async peerDevices(credential: string): Promise<PeerDevice[]> {
    return (await this.peerKeys(credential)).devices;
  }

  /** Takes a device off the list of this peer, for good: it gets nothing more, and cannot connect again. */
  async revoke(device: string): Promise<void> {
    if (!CREDENTIAL.test(string('device', device))) throw invalid('device must be 32 hex digits');
    return this.#takeOff(device, (keys, now) => keys.revoke(device, now));
  }

  /**
   * This device, if it is to leave: where there is another one, to whom messages for the peer go. As long as somebody may still
   * have to read what it sent, it stays on the list, for whoever reads looks it up there. @internal
   */
  protected deviceToLeave(devices: readonly Device[], hasSent: boolean): string | undefined {
    const areServed = devices.length > 1 && (!hasSent || devices.every(({ online }) => online));
    return areServed && this.settings.seed ? devices.find(({ isThis }) => isThis)?.id : undefined;
  }

  /** Takes this device off the list of this peer, for its keys are about to be no more; whether it is off it. @internal */
  protected async leave(device: string): Promise<boolean> {
    const { promise, resolve } = deferred<boolean>();
    const timer = setTimeout(() => resolve(false), LEAVE_MS);
    this.#takeOff(device, (keys, now) => keys.leave(now)).then(() => resolve(true), () => resolve(false));
    const hasLeft = await promise;
    clearTimeout(timer);
    return hasLeft;
  }

  /**
   * What this device knows of keys, sealed under a pass phrase: the account key, whom it knows and has verified; for
   * `importKeys` on another device of the same peer, or on this one. The keys of the device itself never leave it.
   */
  async exportKeys(passphrase: string): Promise<Uint8Array> {
    const phrase = plainSecret(passphrase).normalize('NFC');
    const plain = await (await this.keys()).act((keys) => keys.exportKeys());
    return sealed(phrase, plain);
  }

  /** Takes over what `exportKeys` gave, where it is newer than what this device knows. */
  async importKeys(backup: Uint8Array | ArrayBuffer, passphrase: string): Promise<void> {
    if (!isBytes(backup)) throw invalid('backup must be bytes');
    const phrase = plainSecret(passphrase).normalize('NFC');
    const keys = await this.keys();
    const plain = await opened(phrase, bytesOf(backup));
    await keys.act((keys, now) => keys.importKeys(plain, now));
  }

  /** A new pass phrase that nobody guesses, to be written down. */
  async generateSecret(): Promise<string> {
    return (await passphraseModule()).passPhrase(random(ENTROPY_BYTES));
  }

  /** What the keys say. @internal */
  protected told(event: KeyEvent): void {
    switch (event.kind) {
      case 'peerchange': {
        const { credential, change, device, held } = event;
        return this.emit('peerchange', { credential, change, held, ...(device !== undefined && { device }) });
      }
      case 'gap':
        return this.emit('gap', null);
      case 'error':
        return this.emit('error', new MsrError(event.code, event.reason, event.retry, { credential: event.credential }));
      case 'revoked':
        return this.#revoked(event.device, event.code === undefined ? undefined : new MsrError(event.code, event.reason ?? ''));
    }
  }

  /** There is no connection on which it would be heard what became of what is asked. @internal */
  protected unheard(error: unknown): void {
    for (const device of [...this.#revoking.keys()]) this.#revoked(device, error);
  }

  /** Words whose MD5 has been on the wire are no secret any more. */
  async #refuseWordsOf(md5: string): Promise<void> {
    const wereUsed = await this.stores().has(md5).catch(() => false);
    if (wereUsed) throw invalid(`These words were used with identity 'md5' on this device: choose another secret, for this one can be guessed`);
  }

  async #takeOff(device: string, how: (keys: Encryption.Keys, now: number) => void): Promise<void> {
    const keys = await this.keys();
    const revoking = this.#revoking.get(device) ?? deferred<void>();
    this.#revoking.set(device, revoking);
    await keys.act(how).catch((error) => this.#revoked(device, error));
    return revoking.promise;
  }

  #revoked(device: string, error: unknown): void {
    const revoking = this.#revoking.get(device);
    this.#revoking.delete(device);
    if (error === undefined) revoking?.resolve();
    else revoking?.reject(error);
  }
}

/** A credential, if it is one. */
function checkedCredential(credential: unknown): string {
  if (!CREDENTIAL.test(string('credential', credential))) throw invalid('credential must be 32 hex digits');
  return credential as string;
}
