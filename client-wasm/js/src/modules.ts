/** The parts of the package that are loaded when they are needed first: deriving keys, pass phrases and backups, and encrypting. */

import type * as Encryption from 'msgsrouter-encryption';
import type * as Identity from 'msgsrouter-identity';
import type * as Passphrase from 'msgsrouter-passphrase';
import { loadEncryption, loadIdentity, loadPassphrase } from '#host';
import * as CODE from './code.ts';
import { MsrError } from './error.ts';
import type { ModuleSources } from './init.ts';

const sources: ModuleSources = {};
let identity: Promise<typeof Identity> | undefined;
let passphrase: Promise<typeof Passphrase> | undefined;
let encryption: Promise<typeof Encryption> | undefined;

/** Takes over where parts come from that are not loaded yet. */
export function setSources(more: ModuleSources): void {
  Object.assign(sources, more);
}

/** What was said of where parts come from. */
export function sourceOf<Part extends keyof ModuleSources>(part: Part): ModuleSources[Part] {
  return sources[part];
}

/** Derives keys from words. */
export function identityModule(): Promise<typeof Identity> {
  identity ??= loadIdentity(sources.identity).catch(missing);
  identity.catch(() => (identity = undefined));
  return identity;
}

/** Makes pass phrases, says what secrets are worth, seals backups. */
export function passphraseModule(): Promise<typeof Passphrase> {
  passphrase ??= loadPassphrase(sources.passphrase).catch(missing);
  passphrase.catch(() => (passphrase = undefined));
  return passphrase;
}

/** Keeps the keys of devices, seals and opens. */
export function encryptionModule(): Promise<typeof Encryption> {
  encryption ??= loadEncryption(sources.encryption).catch(missing);
  encryption.catch(() => (encryption = undefined));
  return encryption;
}

function missing(cause: unknown): never {
  throw new MsrError(CODE.NO_DEVICE_KEYS, `A part of the package cannot be loaded: ${cause}`, true, { cause });
}
