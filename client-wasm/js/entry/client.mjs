// The client module of the original, in Node, for `import`.
import client from './client.cjs';
import { Client, MsrError, STATE, init } from './node.mjs';

export { client as default, client, Client, MsrError, STATE, init };
