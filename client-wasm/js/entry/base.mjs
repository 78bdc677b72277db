// The base module of the original, in Node, for `import`.
import base from './base.cjs';

export const { Hub, Message, Peer, init, validateCredential, validateMessage } = base;
