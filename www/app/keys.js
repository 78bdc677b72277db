/**
 * What is known of the keys of those one talks with: their devices, the changes that nobody looked at yet, and whether
 * what is written to them is encrypted. All of it is the package's word; here it is remembered, to be shown at once.
 */

import { Emitter } from './emitter.js';
import { KEYS_PAUSE_MS, NOTICES } from './limits.js';

/** @typedef {import('/pkg/index.js').PeerKeys} PeerKeys */
/** @typedef {import('/pkg/index.js').PeerChange} PeerChange */
/** @typedef {import('/pkg/index.js').SafetyNumber} SafetyNumber */
/** @typedef {import('./conversations.js').Conversation} Conversation */
/**
 * Whether what is written next will be encrypted. `off`: this identity has no keys; `unknown`: no keys of somebody were
 * seen yet; `keyless`: somebody has none, and what is for them is held; `plain`: the same, and it may go as it is; `held`:
 * somebody's keys changed, and that has to be accepted first. `who`: because of whom.
 * @typedef {{ state: 'off' | 'unknown' | 'keyless' | 'plain' | 'held' | 'encrypted', who: string[] }} Sealing
 */

const NO_KEYS = 459;
const FORGED = 462;
/** Of whom no keys were seen. @type {PeerKeys} */
const NONE = { devices: [], verified: false, held: false };

/**
 * `change`: something of the above; `owndevice`: the id of a new device of our own; `alarm`: the server was caught.
 * @extends {Emitter<{ change: undefined, owndevice: string, alarm: { credential: string, reason: string } }>}
 */
export class Keys extends Emitter {
  #session;
  /** @type {Map<string, PeerKeys>} */
  #known = new Map();
  /** @type {Map<string, SafetyNumber>} */
  #numbers = new Map();
  /** @type {Map<string, PeerChange[]>} */
  #changes = new Map();
  /** Those of whom the server showed no keys when a message of ours was for them. @type {Set<string>} */
  #keyless = new Set();
  /** Of whom to ask anew. @type {Set<string>} */
  #stale = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pause;

  /** @param {import('./session.js').Session} session */
  constructor(session) {
    super();
    this.#session = session;
    session.on('signedin', () => this.#reset());
    session.on('signedout', () => this.#reset());
    session.on('peerchange', (change) => this.#changed(change));
    session.on('devices', () => this.refresh([session.credential]));
    session.on('message', ({ from }) => this.refresh([from]));
    session.on('receipt', ({ recipients }) => this.refresh(recipients.map(({ to }) => to)));
    session.on('error', (error) => this.#failed(/** @type {import('/pkg/index.js').MsrError} */ (error)));
  }

  /** Asks about these people again, soon. @param {string[]} credentials */
  refresh(credentials) {
    if (!this.#session.hasKeys) return;
    for (const credential of credentials) this.#stale.add(credential);
    this.#pause ??= setTimeout(() => this.#ask(), KEYS_PAUSE_MS);
  }

  /** The devices of a peer, as far as they were seen. @param {string} credential */
  devicesOf(credential) {
    return this.#of(credential).devices;
  }

  /** @param {string} credential @returns {SafetyNumber | undefined} */
  numberOf(credential) {
    return this.#numbers.get(credential);
  }

  /** Whether the safety number of a peer was compared. @param {string} credential */
  isVerified(credential) {
    return this.#of(credential).verified;
  }

  /** What changed and was not looked at. @param {string[]} credentials */
  changesOf(credentials) {
    return credentials.flatMap((credential) => this.#changes.get(credential) ?? []);
  }

  /** Whether what is for somebody waits until their keys are accepted. @param {string} credential */
  isHeld(credential) {
    return this.#of(credential).held || this.changesOf([credential]).some(({ held }) => held);
  }

  /** Whether what is written next will be encrypted. @param {Conversation} conversation @returns {Sealing} */
  sealingOf({ members, plain }) {
    if (!this.#session.hasKeys) return { state: 'off', who: [] };
    const held = members.filter((member) => this.isHeld(member));
    if (held.length) return { state: 'held', who: held };
    const unseen = members.filter((member) => this.devicesOf(member).length === 0);
    const keyless = unseen.filter((member) => this.#keyless.has(member));
    if (keyless.length) return { state: plain ? 'plain' : 'keyless', who: keyless };
    return unseen.length ? { state: 'unknown', who: unseen } : { state: 'encrypted', who: members };
  }

  /** The keys of a peer are good as they are. @param {string} credential */
  async accept(credential) {
    await this.#session.keys.accept(credential);
    this.dismiss(credential);
    this.refresh([credential]);
  }

  /** What changed with a peer was looked at. @param {string} credential */
  dismiss(credential) {
    if (this.#changes.delete(credential)) this.emit('change', undefined);
  }

  /** The safety number of a peer was compared. @param {string} credential */
  async verify(credential) {
    await this.#session.keys.verify(credential);
    this.#known.set(credential, { ...this.#of(credential), verified: true });
    this.emit('change', undefined);
    this.refresh([credential]);
  }

  /** @param {PeerChange} change */
  #changed(change) {
    const { credential, device } = change;
    if (credential === this.#session.credential) {
      if (device && change.change === 'own-device-added') this.emit('owndevice', device);
    } else if (change.change !== 'new-peer') {
      const others = this.changesOf([credential]).filter(({ change: kind, device: which }) => kind !== change.change || which !== device);
      this.#changes.set(credential, [...others, change].slice(-NOTICES));
    }
    this.emit('change', undefined);
    this.refresh([credential]);
  }

  /** @param {import('/pkg/index.js').MsrError} error */
  #failed({ code, reason, credential }) {
    if (credential === undefined) return;
    if (code === FORGED) {
      this.emit('alarm', { credential, reason });
      // What is for them may be held now.
      this.refresh([credential]);
    }
    if (code !== NO_KEYS) return;
    this.#keyless.add(credential);
    this.emit('change', undefined);
  }

  /** @param {string} credential */
  #of(credential) {
    return this.#known.get(credential) ?? NONE;
  }

  async #ask() {
    this.#pause = undefined;
    const asked = [...this.#stale];
    this.#stale.clear();
    const { keys } = this.#session;
    let isNew = false;
    for (const credential of asked) {
      try {
        const known = await keys.peerKeys(credential);
        if (!this.#session.signedIn || keys !== this.#session.keys) return;
        isNew ||= JSON.stringify(known) !== JSON.stringify(this.#of(credential));
        this.#known.set(credential, known);
        if (known.devices.length === 0) continue;
        this.#keyless.delete(credential);
        if (this.#numbers.has(credential) || credential === this.#session.credential) continue;
        this.#numbers.set(credential, await keys.safetyNumber(credential));
        isNew = true;
      } catch {
        // There are no keys of this device before it was connected once; then this is asked again.
      }
    }
    if (isNew) this.emit('change', undefined);
  }

  #reset() {
    clearTimeout(this.#pause);
    this.#pause = undefined;
    for (const kept of [this.#known, this.#numbers, this.#changes, this.#keyless, this.#stale]) kept.clear();
    this.emit('change', undefined);
  }
}
