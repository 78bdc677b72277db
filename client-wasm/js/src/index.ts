/** What the package gives. */

import { Client } from './client.ts';

export * from './base.ts';
export { Client } from './client.ts';
export { MsrError } from './error.ts';
export { STATE, type ClientEvent, type ClientEvents, type Closed, type Device, type Frame, type State } from './events.ts';
export type { MessagesOptions } from './inbox.ts';
export type { Receipt, ReceiptChange, RecipientStatus, RequestOptions, SendOptions, Status } from './receipt.ts';
export type { ClientOptions } from './options.ts';

/** A client that is ready to be used, as in the original. */
export const client: Client = /* @__PURE__ */ new Client();
