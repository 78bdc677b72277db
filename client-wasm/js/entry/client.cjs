// The client module of the original, in Node: what `require` gives is the client, ready to be used, with the original's identity.
'use strict';

const { Client, MsrError, init, initSync } = require('./node.cjs');

initSync();
const client = Client.original();
for (const [name, value] of Object.entries({ default: client, client, Client, MsrError, init })) {
  Object.defineProperty(client, name, { value });
}
module.exports = client;
