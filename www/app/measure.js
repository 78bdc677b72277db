/**
 * What keys and encryption cost: signs invented people in, lets them write, and looks at the clock. Nothing here is shown.
 */

/** @typedef {typeof import('/pkg/index.js')} Package */
/** @typedef {import('/pkg/index.js').Client} Client */
/** Messages a second. @typedef {{ sealed: number, opened: number, delivered: number, toItself: number }} Rates */
/** In bytes: as the server sent it, and what gzip would make of it. @typedef {{ file: string, sent: number, gzip: number }} Load */

const MESSAGES = 1_000;
/** How many are on their way at once. */
const WINDOW = 256;
/** Some take part first that do not count. */
const WARM_UP = 200;
const LOOK_AGAIN_MS = 2;
const CONTENT = { text: 'About as long as what people write to each other, most of the time.' };
/** What a page loads: at once, to derive keys (in a worker, whose timeline this page does not see), to encrypt. */
const FILES = ['index.js', 'msgsrouter_bg.wasm', 'identity-worker.js', 'identity.js', 'identity_bg.wasm', 'encryption.js', 'encryption_bg.wasm'];

/**
 * How long it takes, in ms.
 * @param {() => Promise<unknown>} action
 */
async function timed(action) {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

/** Somebody nobody knows. @param {Package} loaded @param {string} server @param {string} name */
function invented({ Client }, server, name) {
  const secret = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16)).join('');
  const client = new Client({ server, name, email: `${name.toLowerCase()}@benchmark.invalid`, secret, publish: false, device: 'Benchmark' });
  client.onmessage = () => {};
  return client;
}

/** Waits until the device is on the list of its peer, on the server: others can encrypt for it. @param {Client} client */
async function listed(client) {
  const devices = () => client.peerDevices(client.credential).catch(() => []);
  while ((await devices()).length === 0) await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
}

/**
 * Sends messages, no more than so many at once, until all of them were delivered.
 * @param {Client} from
 * @param {string} to
 * @param {number} count
 * @param {'auto' | 'off'} encrypt
 */
async function sendMany(from, to, count, encrypt) {
  let next = 0;
  const one = async () => {
    while (next < count) {
      next += 1;
      const receipt = await (await from.send(to, 'benchmark', CONTENT, { encrypt })).settled;
      const [{ status, reason }] = receipt.recipients;
      if (status !== 'delivered' || receipt.encrypted !== (encrypt === 'auto')) throw new Error(`A message was not delivered as it should be: ${status} ${reason ?? ''}`);
    }
  };
  await Promise.all(Array.from({ length: WINDOW }, one));
}

/**
 * Messages a second that leave this page for somebody who is away, and that somebody takes in who comes back to them: sealing
 * and opening apart.
 * @param {Client} one
 * @param {Client} other
 * @param {'auto' | 'off'} encrypt
 */
async function apart(one, other, encrypt) {
  other.close();
  const left = counted((heard) => one.addEventListener('frame', ({ detail: { direction, text } }) => {
    if (direction === 'out') heard(text.split('\n').filter((frame) => frame === 'Send').length);
  }));
  one.trace = true;
  const receipts = Promise.all(Array.from({ length: MESSAGES }, () => one.send(other.credential, 'benchmark', CONTENT, { encrypt })));
  const sealed = await left;
  one.trace = false;
  const settled = (await receipts).map(({ settled }) => settled);
  const taken = counted((heard) => (other.onmessage = () => heard(1)));
  await other.connect();
  const opened = await taken;
  other.onmessage = () => {};
  await Promise.all(settled);
  return { sealed, opened };
}

/**
 * How many a second, from now until all were heard of.
 * @param {(heard: (count: number) => void) => void} listen
 * @returns {Promise<number>}
 */
function counted(listen) {
  const start = performance.now();
  let count = 0;
  return new Promise((resolve) => listen((more) => {
    count += more;
    if (count >= MESSAGES) resolve(MESSAGES / ((performance.now() - start) / 1000));
  }));
}

/**
 * @param {Client} one
 * @param {Client} other
 * @param {'auto' | 'off'} encrypt
 * @returns {Promise<Rates>}
 */
async function rates(one, other, encrypt) {
  const aSecond = async (/** @type {string} */ to) => MESSAGES / ((await timed(() => sendMany(one, to, MESSAGES, encrypt))) / 1000);
  await sendMany(one, other.credential, WARM_UP, encrypt);
  const delivered = await aSecond(other.credential);
  return { ...(await apart(one, other, encrypt)), delivered, toItself: await aSecond(one.credential) };
}

/** @param {Blob} file */
async function zipped(file) {
  return (await new Response(file.stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer()).byteLength;
}

/** @returns {Promise<Load[]>} */
async function loads() {
  return Promise.all(FILES.map(async (file) => {
    const address = new URL(`/pkg/${file}`, location.href).href;
    const body = await (await fetch(address)).blob();
    // What came by the worker alone has no entry but that of this request.
    const entries = /** @type {PerformanceResourceTiming[]} */ (performance.getEntriesByName(address, 'resource'));
    const sent = Math.max(0, ...entries.map(({ encodedBodySize }) => encodedBodySize));
    return { file, sent, gzip: await zipped(body) };
  }));
}

/**
 * Measures everything.
 * @param {string} server
 * @param {(what: string) => void} tell what is done next
 */
export async function measure(server, tell) {
  tell('Loading the program…');
  /** @type {Package | undefined} */
  let loaded;
  const core = await timed(async () => {
    loaded = await import('/pkg/index.js');
    await loaded.init();
  });
  if (!loaded) throw new Error('The program could not be loaded.');
  const [ann, bob] = ['Ann', 'Bob'].map((name) => invented(/** @type {Package} */ (loaded), server, name));
  try {
    tell('Deriving keys…');
    const derivation = await timed(() => ann.identify());
    const derivationAgain = await timed(() => bob.identify());
    tell('Connecting for the first time…');
    const enrolment = await timed(() => ann.connect());
    const enrolmentAgain = await timed(() => bob.connect());
    const listing = await timed(() => listed(bob));
    tell('Writing the first message…');
    const first = await timed(() => sendMany(ann, bob.credential, 1, 'auto'));
    const second = await timed(() => sendMany(ann, bob.credential, 1, 'auto'));
    const firstPlain = await timed(() => sendMany(ann, bob.credential, 1, 'off'));
    ann.close();
    const reconnection = await timed(() => ann.connect());
    const times = { core, derivation, derivationAgain, enrolment, enrolmentAgain, listing, first, second, firstPlain, reconnection };
    tell('Writing many messages, encrypted…');
    const encrypted = await rates(ann, bob, 'auto');
    tell('Writing many messages, not encrypted…');
    const plain = await rates(ann, bob, 'off');
    tell('Looking at what was loaded…');
    return { browser: navigator.userAgent, cores: navigator.hardwareConcurrency, at: new Date().toISOString(), times, encrypted, plain, loads: await loads() };
  } finally {
    for (const client of [ann, bob]) client.bye();
  }
}
