/** The base module of the original: peers, messages, hubs, and whether they are what they say. */

export { Hub, type HubValue } from './hub.ts';
export { init, type InitSource } from './init.ts';
export { Message, type MessageValue } from './message.ts';
export { Peer, type FoundPeer, type Location, type PeerValue } from './peer.ts';
export { validateCredential, validateMessage } from './validate.ts';
