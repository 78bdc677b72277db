// A server to test against: the real one when it is built, else a small one in this process.

import { FakeRelay } from './fake-relay.mjs';
import { Server, isBuilt } from './server.mjs';

/** Starts one; gives its `url` and `stop()`. */
export async function startRelay() {
  return isBuilt ? Server.start() : FakeRelay.start();
}
