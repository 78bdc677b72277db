/** The parts of the package that are loaded when they are needed first: deriving keys, and encrypting. */

import type * as Encryption from 'msgsrouter-encryption';
import type * as Identity from 'msgsrouter-identity';
import { loadEncryption, loadIdentity } from '#host';
import type { ModuleSources } from './init.ts';

const sources: ModuleSources = {};
let identity: Promise<typeof Identity> | undefined;
let encryption: Promise<typeof Encryption> | undefined;

/** Takes over where parts come from that are not loaded yet. */
export function setSources(more: ModuleSources): void {
  Object.assign(sources, more);
}

/** What was said of where parts come from. */
export function sourceOf<Part extends keyof ModuleSources>(part: Part): ModuleSources[Part] {
  return sources[part];
}

/** Derives account keys, makes pass phrases. */
export function identityModule(): Promise<typeof Identity> {
  identity ??= loadIdentity(sources.identity);
  identity.catch(() => (identity = undefined));
  return identity;
}

/** Keeps the keys of devices, seals and opens. */
export function encryptionModule(): Promise<typeof Encryption> {
  encryption ??= loadEncryption(sources.encryption);
  encryption.catch(() => (encryption = undefined));
  return encryption;
}
