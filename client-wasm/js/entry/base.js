// The base module of the original, in a browser: await init() first.
export { Hub, Message, Peer, init, validateCredential, validateMessage } from './index.js';
