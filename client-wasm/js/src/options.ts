/** What a client can be made with. */

import type { Location } from './peer.ts';

/** How a peer shows who it is: by a key that is derived of its words, or by the MD5 of its secret, as in the original. */
export type IdentityKind = 'key' | 'md5';

/** The settings of a client, all of them optional. */
export interface ClientOptions {
  /** `ws://…` or `wss://…` */
  server?: string;
  name?: string;
  email?: string;
  /** The plain secret; or `ed25519:` and the public key, on a device that was the peer's before. */
  secret?: string;
  location?: Location;
  publish?: boolean;
  /** The kind of identity: `'key'` unless said. */
  identity?: IdentityKind;
  /** Whether what cannot be encrypted may go as it is to peers of whom no keys were ever seen; `false` unless said. */
  allowPlain?: boolean;
  /** Whether a lost connection is made anew; `true` unless said. */
  autoreconnect?: boolean;
  /** What a person calls this device. */
  device?: string;
  /** Where messages are kept: see `Client.storage`. */
  storage?: string;
}
