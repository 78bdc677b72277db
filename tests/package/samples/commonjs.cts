// Type-checked, never run: what a program of CommonJS modules writes.

import client = require('msgsrouter/client');
import base = require('msgsrouter/base');
import msgsrouter = require('msgsrouter');

client.server = 'ws://127.0.0.1';
const peer: base.Peer = new base.Peer();
const another: msgsrouter.Client = new client.Client();
const state: number = client.state;
void client.send(client.credential, 'test', { mydata: 'something' }).then((receipt: msgsrouter.Receipt) => receipt.id.length);

export = { another, peer, state };
