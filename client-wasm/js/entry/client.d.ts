export { client as default, client, Client, MsrError, STATE, init } from './types/index.js';
export type * from './types/index.js';
