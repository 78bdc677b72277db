/** A cable between a browser and the server that can be pulled: connections through it end, and new ones are cut. */

import { connect } from 'node:net';
import { pipeline } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * @param {import('./server.mjs').Server} server
 * @param {{ chunkMs?: number }} [cable] how long each chunk takes, on a slow one
 */
export function openGate(server, { chunkMs = 0 } = {}) {
  const slowly = async function* (/** @type {AsyncIterable<Buffer>} */ chunks) {
    for await (const chunk of chunks) {
      await sleep(chunkMs);
      yield chunk;
    }
  };
  let shut = false;
  const sockets = new Set();
  const gate = server.takeGate();
  gate.on('connection', (inner) => {
    if (shut) return inner.destroy();
    const outer = connect(server.port, '127.0.0.1');
    for (const [socket, other] of [[inner, outer], [outer, inner]]) {
      sockets.add(socket);
      if (chunkMs === 0) socket.pipe(other);
      else pipeline(socket, slowly, other, () => {});
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  return {
    webSocketUrl: `ws://127.0.0.1:${gate.address().port}`,
    pull() {
      shut = true;
      for (const socket of sockets) socket.destroy();
    },
    plug() {
      shut = false;
    },
    close() {
      this.pull();
      gate.close();
    },
  };
}
