// The same instance for `import` as for `require`.
import node from './node.cjs';

export const { Client, Hub, Message, MsrError, Peer, STATE, client, init, secretStrength, validateCredential, validateMessage } = node;
