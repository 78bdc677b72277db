import { Client, Peer, client, init, secretStrength } from 'msgsrouter';

await init();
document.title = `${new Peer().credential} ${client.state} ${(await secretStrength('a')) > 0} ${new Client().identity}`;
