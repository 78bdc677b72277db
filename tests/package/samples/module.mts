// Type-checked, never run: what a page in TypeScript writes.

import {
  Client,
  Hub,
  Message,
  MsrError,
  Peer,
  STATE,
  client,
  init,
  secretStrength,
  validateCredential,
  type Device,
  type FoundPeer,
  type IdentityKind,
  type Location,
  type ModuleSources,
  type PeerChange,
  type PeerDevice,
  type PeerKeys,
  type Receipt,
  type ReceiptChange,
  type RequestOptions,
  type SafetyNumber,
  type SendOptions,
  type Status,
} from 'msgsrouter';
import same from 'msgsrouter/client';
import { Peer as SamePeer, validateMessage } from 'msgsrouter/base';

await init();
const another: Client = new Client({ server: 'ws://127.0.0.1', name: 'a', secret: 'b', autoreconnect: false });
const equal: boolean = same === client;
const sources: ModuleSources = { core: '/core.wasm', identity: new URL('https://example.org/identity.wasm'), worker: '/worker.js' };
await init(sources);
client.onmessage = (message) => console.log(message.subject.length, message.content.anything);
client.onclose = ({ code, reason, retryIn }) => console.log(code.toFixed(), reason.length, retryIn?.toFixed());
client.onstate = (state) => state === STATE.REGISTERED;
client.addEventListener('message', ({ detail }) => detail.value().timestamp.toFixed());
client.addEventListener('error', ({ detail }) => detail.retry);
client.addEventListener('outbox', ({ detail }) => detail.toFixed());
client.addEventListener('frame', { handleEvent: ({ detail }) => detail.direction === 'in' });
const options: SendOptions = { expireAfter: 1000, realtime: true, id: 'x', encrypt: 'required', allowPlain: false, signal: AbortSignal.timeout(1) };
const receipt: Receipt = await client.send(['self'], 'subject', { any: 'value' }, options);
const settled: Receipt = await receipt.settled;
const statuses: Status[] = settled.recipients.map(({ to, status, bytes, code, reason }) => (to && (bytes ?? code ?? reason) ? status : status));
client.addEventListener('receipt', ({ detail }) => {
  const change: ReceiptChange = detail;
  change.changed.forEach(({ status }) => status === 'receiving');
});
const identity: IdentityKind = client.identity;
await client.identify();
client.addEventListener('peerchange', ({ detail }) => {
  const { credential, change, device, held }: PeerChange = detail;
  if (held && change === 'device-added') void client.accept(credential).then(() => device?.length);
});
const { digits, qr, svg }: SafetyNumber = await client.safetyNumber(client.credential);
await client.verify(client.credential);
const theirs: PeerDevice[] = await client.peerDevices(client.credential);
const { devices: listed, verified, held }: PeerKeys = await client.peerKeys(client.credential);
const isSafe: boolean = verified && !held && listed.length === theirs.length;
await client.revoke(theirs.find(({ trusted }) => trusted)?.id ?? '');
await client.importKeys(await client.exportKeys('pass phrase'), 'pass phrase');
const bits: number = await secretStrength(await client.generateSecret());
client.allowPlain = true;
const sealed: boolean = settled.encrypted;
client.addEventListener('gap', ({ detail }) => detail === null);
client.addEventListener('devices', ({ detail }) => detail.map(({ isThis, waiting }) => isThis && waiting.toFixed()));
const devices: readonly Device[] = client.devices;
for (const { id } of devices) await client.retire(id);
const asking: RequestOptions = { timeout: 1000, signal: AbortSignal.timeout(1) };
const answer: Message = await client.request(client.credential, 'subject', new Uint8Array(3), asking);
const answered: Receipt = await answer.reply({ any: 'value' }, { expireAfter: 1000 });
if (answer.wantsReply && answer.encrypted) answer.defer();
answer.ack();
client.storage = 'memory';
const found: FoundPeer[] = await client.find('keyword');
const location: Location | undefined = found[0]?.location;
for await (const message of client.messages({ subject: 'x', from: client.credential })) console.log(message.content);
const peer: Peer = new SamePeer({ name: 'x' });
const valid: boolean = validateCredential(peer) && validateMessage(new Message<number>({ to: 'x', content: 5 }));
const rounds: number | null = client.roundTrip;
const hub: string = new Hub().value().name;
const { code, credential: about }: MsrError = new MsrError(1, 'x');
const whom: string | undefined = about;

// @ts-expect-error: read-only
client.credential = '';
// @ts-expect-error: a later version's
void client.hubs;
// @ts-expect-error: no such choice
await client.send('self', 'x', 1, { encrypt: 'maybe' });

export { another, answered, bits, code, digits, equal, hub, location, identity, isSafe, qr, rounds, sealed, settled, statuses, svg, valid, whom };
