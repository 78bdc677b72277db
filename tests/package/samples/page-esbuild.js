import { Client, Peer, client, init, secretStrength } from 'msgsrouter';
import core from 'msgsrouter/msgsrouter_bg.wasm';
import encryption from 'msgsrouter/encryption_bg.wasm';
import identity from 'msgsrouter/identity_bg.wasm';
import passphrase from 'msgsrouter/passphrase_bg.wasm';

const at = (path) => new URL(path, import.meta.url);
await init({ core: at(core), identity: at(identity), passphrase: at(passphrase), encryption: at(encryption) });
document.title = `${new Peer().credential} ${client.state} ${(await secretStrength('a')) > 0} ${new Client().identity}`;
