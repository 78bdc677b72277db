import { Peer, client, init } from 'msgsrouter';

await init();
document.title = `${new Peer().credential} ${client.state}`;
