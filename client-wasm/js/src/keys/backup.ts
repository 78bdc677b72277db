/** What somebody carries to another device: sealed under a pass phrase, whose key a worker derives. */

import { invalid } from '../error.ts';
import { passphraseModule } from '../modules.ts';
import { apart } from './apart.ts';
import { textOf } from './error.ts';

const SALT_BYTES = 16;
const NONCE_BYTES = 24;

/** Seals it under a pass phrase in NFC. */
export async function sealed(phrase: string, plain: Uint8Array): Promise<Uint8Array> {
  const { sealBackup } = await passphraseModule();
  const [salt, nonce] = [random(SALT_BYTES), random(NONCE_BYTES)];
  const key = await apart({ kind: 'backup', phrase, salt });
  return told(() => sealBackup(key, salt, nonce, plain));
}

/** Opens what was sealed. */
export async function opened(phrase: string, backup: Uint8Array): Promise<Uint8Array> {
  const { backupSalt, openBackup } = await passphraseModule();
  const salt = told(() => backupSalt(backup));
  const key = await apart({ kind: 'backup', phrase, salt });
  return told(() => openBackup(key, backup));
}

/** New random bytes. */
export function random(count: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(count));
}

function told<T>(action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw invalid(textOf(cause), { cause });
  }
}
