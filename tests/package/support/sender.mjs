// A process that sends numbers to a peer until it is killed, and prints each that was accepted. Arguments: the folder of
// the installed package, the server, to whom, the first number, and how many messages.

import { createRequire } from 'node:module';

const [folder, server, to, first, count] = process.argv.slice(2);
const { Client } = createRequire(`${folder}/index.js`)('msgsrouter/client');
const client = new Client({ server, name: 'Sender', email: 'sender@example.org', secret: 'of numbers' });
client.onmessage = null;
client.connect().catch(() => {});
const sent = [];
for (let number = Number(first); number < Number(first) + Number(count); number++) {
  sent.push(client.send(to, 'number', number).then(() => console.log(`accepted ${number}`)));
}
console.log(`waiting ${client.outbox}`);
await Promise.all(sent);
client.close();
console.log('done');
