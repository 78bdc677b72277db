/** What a client can be made with. */

import type { Location } from './peer.ts';

/** The settings of a client, all of them optional. */
export interface ClientOptions {
  /** `ws://…` or `wss://…` */
  server?: string;
  name?: string;
  email?: string;
  /** The plain secret. */
  secret?: string;
  location?: Location;
  publish?: boolean;
  /** The kind of identity; there is one yet. */
  identity?: 'md5';
  /** Whether a lost connection is made anew; `true` unless said. */
  autoreconnect?: boolean;
  /** What a person calls this device. */
  device?: string;
  /** Where messages are kept: see `Client.storage`. */
  storage?: string;
}
