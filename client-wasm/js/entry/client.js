// The client module of the original, in a browser: await init() first, or connect().
export { client as default, client, Client, MsrError, STATE, init } from './index.js';
