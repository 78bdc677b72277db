/**
 * The account key of an identity: derived from name, e-mail address and secret, at a price that makes guessing dear. What
 * was derived is remembered as long as the page or the process lives, in memory alone.
 */

import { encryptionModule } from '../modules.ts';
import { wasm } from '../wasm.ts';
import { apart } from './apart.ts';
import type { Job } from './job.ts';

/** An account. */
export interface Account {
  /** `ed25519:` and the public key, as it goes on the wire. */
  secret: string;
  /** The private half. */
  seed: Uint8Array;
}

/** How many are remembered. */
const ACCOUNTS = 16;

const accounts = new Map<string, Promise<Account>>();

/** The account of these words. */
export function accountOf(name: string, email: string, plain: string): Promise<Account> {
  const job = { kind: 'account', name: JSON.stringify(name), email: JSON.stringify(email), secret: plain.normalize('NFC') } as const;
  // So that the secret itself is not remembered.
  const known = wasm().hashSecret(JSON.stringify(job));
  const account = accounts.get(known) ?? derived(job);
  accounts.delete(known);
  accounts.set(known, account);
  account.catch(() => accounts.delete(known));
  for (const oldest of accounts.keys()) {
    if (accounts.size <= ACCOUNTS) break;
    accounts.delete(oldest);
  }
  return account;
}

/** The module that encrypts knows the public half of a seed; it is loaded meanwhile, since nobody connects without it. */
async function derived(job: Job): Promise<Account> {
  const [seed, { accountForm }] = await Promise.all([apart(job), encryptionModule()]);
  return { secret: accountForm(seed) as string, seed };
}
