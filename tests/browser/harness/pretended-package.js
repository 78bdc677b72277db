/**
 * Stands in for the package where a test needs what a true server never does: a list of devices that cannot be, keys that
 * change, a peer that has none. One client, which does what `globalThis.pretend` says. Runs in the page.
 */

const OWN = 'a0'.repeat(16);
const DAY_MS = 86_400_000;

/** What there is: peers that can be found, devices by credential, who is known to have no keys, what was sent and asked. */
globalThis.pretend = {
  client: undefined,
  peers: [],
  devices: {},
  verified: new Set(),
  sent: [],
  calls: [],
  strength: 80,
  refuse: undefined,
  /** Tells the page something, as the client would. */
  tell: (type, detail) => globalThis.pretend.client.dispatchEvent(new CustomEvent(type, { detail })),
};

export const init = async () => {};
export const secretStrength = async () => pretend.strength;

export class Client extends EventTarget {
  state = 0;
  offset = 0;
  roundTrip = 1;
  devices = [{ id: '01'.repeat(16), name: 'This one', online: true, seen: Date.now(), waiting: 0, isThis: true }];
  allowPlain = false;
  #waiting = new Set();

  constructor(options = {}) {
    super();
    Object.assign(this, options);
    pretend.client = this;
  }

  credential = OWN;

  get outbox() {
    return this.#waiting.size;
  }

  async identify() {
    pretend.calls.push(['identify', this.identity]);
    if (pretend.identifying) await pretend.identifying;
    if (pretend.refuse) throw pretend.refuse;
    this.secret = `ed25519:${'A'.repeat(43)}`;
  }

  async connect() {
    this.state = 2;
    this.#tell('state', 2);
    this.#tell('devices', this.devices);
  }

  close() {
    this.state = 0;
  }

  bye() {
    this.close();
  }

  async find() {
    return pretend.peers;
  }

  async send(to, subject, content, options) {
    pretend.sent.push({ to, subject, content, options });
    const keyless = to.filter((peer) => !pretend.devices[peer]);
    if (keyless.length && !options.allowPlain) await this.#held(keyless, options);
    return { id: options.id, timestamp: Date.now(), recipients: to.map((peer) => ({ to: peer, status: 'delivered' })), encrypted: keyless.length === 0 };
  }

  async request(to, subject, content, options) {
    await this.send(to, subject, content, options);
    return { content: { answer: 'Yes' }, encrypted: false };
  }

  /** Waits until it is taken back. */
  #held(keyless, { signal }) {
    for (const peer of keyless) this.#tell('error', { code: 459, reason: 'A message waits until its recipient has keys', retry: false, credential: peer });
    const waiting = Symbol('message');
    this.#waiting.add(waiting);
    this.#tell('outbox', this.outbox);
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        this.#waiting.delete(waiting);
        this.#tell('outbox', this.outbox);
        reject(Object.assign(new Error('Taken back'), { code: 452 }));
      });
    });
  }

  async peerKeys(credential) {
    const devices = structuredClone(pretend.devices[credential] ?? []);
    return { devices, verified: pretend.verified.has(credential), held: devices.some(({ trusted }) => !trusted) };
  }

  async safetyNumber() {
    return { digits: Array.from({ length: 60 }, (_, at) => at % 10).join(''), qr: 'qr', svg: '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 57 57"/>' };
  }

  async accept(credential) {
    pretend.calls.push(['accept', credential]);
    for (const device of pretend.devices[credential] ?? []) device.trusted = true;
  }

  async verify(credential) {
    pretend.calls.push(['verify', credential]);
    pretend.verified.add(credential);
  }

  async revoke(device) {
    pretend.calls.push(['revoke', device]);
    if (pretend.refuse) throw pretend.refuse;
    this.devices = this.devices.filter(({ id }) => id !== device);
    pretend.devices[OWN] = (pretend.devices[OWN] ?? []).filter(({ id }) => id !== device);
    this.#tell('devices', this.devices);
  }

  async retire(device) {
    pretend.calls.push(['retire', device]);
  }

  async generateSecret() {
    return 'kobe-luda-miro-nepa-soti-vuga-zamo-dire';
  }

  async exportKeys(passphrase) {
    pretend.calls.push(['exportKeys', passphrase]);
    return new TextEncoder().encode('sealed');
  }

  async importKeys(backup, passphrase) {
    pretend.calls.push(['importKeys', new TextDecoder().decode(backup), passphrase]);
    if (passphrase !== 'right') throw Object.assign(new Error(), { code: 451, reason: 'The pass phrase does not open the copy' });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** A device of somebody, enrolled some days ago. */
pretend.device = (id, days, trusted = true) => ({ id: id.repeat(16), enrolled: Date.now() - days * DAY_MS, trusted });
