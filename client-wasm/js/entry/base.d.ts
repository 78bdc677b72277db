export { Hub, Message, Peer, init, validateCredential, validateMessage } from './types/index.js';
export type { FoundPeer, HubValue, InitSource, Location, MessageValue, PeerValue } from './types/index.js';
