// The base module of the original, in Node: loaded when `require` returns.
'use strict';

const { Hub, Message, Peer, init, initSync, validateCredential, validateMessage } = require('./node.cjs');

initSync();
module.exports = { Hub, Message, Peer, init, validateCredential, validateMessage };
