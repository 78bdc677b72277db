// The least server that speaks dialect A of version 1, with handles for what a real one does only now and then.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { WebSocketServer } from 'ws';

export class FakeRelay {
  /** What came, parsed, oldest first. */
  received = [];
  /** Whether a registration is left without an answer. */
  silent = false;
  /** Status of the answer to a registration; 1 for done. */
  status = 1;
  #server;
  #sockets = new Map();

  static async start(port = 0) {
    // It takes no sub-protocol, as a server that has never heard of one.
    const server = new WebSocketServer({ host: '127.0.0.1', port, handleProtocols: () => false });
    await once(server, 'listening');
    return new FakeRelay(server);
  }

  constructor(server) {
    this.#server = server;
    server.on('connection', (socket) => {
      socket.on('message', (data) => this.#came(socket, JSON.parse(String(data))));
      socket.on('close', () => this.#sockets.delete(socket));
      this.#sockets.set(socket, undefined);
    });
  }

  get port() {
    return this.#server.address().port;
  }

  get url() {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** Closes every connection, and goes on listening. */
  drop(code = 1012) {
    for (const socket of this.#sockets.keys()) socket.close(code);
  }

  /** Sends this text to every connection. */
  say(text) {
    for (const socket of this.#sockets.keys()) socket.send(text);
  }

  async stop() {
    for (const socket of this.#sockets.keys()) socket.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #came(socket, message) {
    this.received.push(message);
    const { to, from, subject, timestamp, content } = message;
    if (subject === 'register' && !this.silent) {
      this.#sockets.set(socket, content);
      const answer = { status: this.status, originTime: timestamp, orginTime: timestamp };
      socket.send(spell({ to: [from], from, subject, timestamp: Date.now(), content: answer }));
    } else if (subject === 'find') {
      this.#find(socket, message);
    } else if (subject === 'bye') {
      socket.close(1000);
    } else {
      for (const [other, peer] of this.#sockets) if (peer && to.includes(peer.credential)) other.send(JSON.stringify(message));
    }
  }

  #find(socket, { from, timestamp, content }) {
    const found = [...this.#sockets.values()].filter((peer) => peer?.publish && peer.name.includes(content.keyword));
    const answers = found.length
      ? found.map(({ secret, ...peer }, index) => ({ peer, index, total: found.length, status: 200, originTime: timestamp }))
      : [{ status: 201, originTime: timestamp }];
    for (const answer of answers) socket.send(spell({ to: [from], from, subject: 'find', timestamp: Date.now(), content: answer }));
  }
}

/** The text of a message, with its checksum. */
export function spell({ to, from, subject, timestamp, content }) {
  const hashed = { to, from, subject, timestamp, content };
  const checksum = createHash('md5').update(JSON.stringify(hashed)).digest('hex');
  return JSON.stringify({ checksum, ...hashed });
}
