import { Peer, client, init } from 'msgsrouter';
import url from 'msgsrouter/msgsrouter_bg.wasm';

await init(new URL(url, import.meta.url));
document.title = `${new Peer().credential} ${client.state}`;
