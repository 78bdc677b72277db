/** What the package gives. */

import { Client } from './client.ts';

export * from './base.ts';
export type { ModuleSource, ModuleSources } from './init.ts';
export { Client } from './client.ts';
export { MsrError } from './error.ts';
export { STATE, type ClientEvent, type ClientEvents, type Closed, type Device, type Frame, type PeerChange, type State } from './events.ts';
export { secretStrength, type PeerDevice, type PeerKeys, type SafetyNumber } from './keyed.ts';
export type { MessagesOptions } from './inbox.ts';
export type { Receipt, ReceiptChange, RecipientStatus, RequestOptions, SendOptions, Status } from './receipt.ts';
export type { ClientOptions, IdentityKind } from './options.ts';

/** A client that is ready to be used, as in the original. */
export const client: Client = /* @__PURE__ */ new Client();
