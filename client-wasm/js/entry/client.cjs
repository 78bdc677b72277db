// The client module of the original, in Node: what `require` gives is the client, ready to be used.
'use strict';

const { Client, MsrError, client, init, initSync } = require('./node.cjs');

initSync();
for (const [name, value] of Object.entries({ default: client, client, Client, MsrError, init })) {
  Object.defineProperty(client, name, { value });
}
module.exports = client;
