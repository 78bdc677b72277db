// The client module of the original, in a browser: await init() first, or connect(). Its ready client has the original's identity.
import { Client, MsrError, STATE, init } from './index.js';

export const client = Client.original();
export { client as default, Client, MsrError, STATE, init };
