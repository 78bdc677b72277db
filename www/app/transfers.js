/**
 * Large messages on their way through the socket, in pieces. A receipt tells how far one got with its receiver; how much
 * of it has left this page, and how much of one for us is here, is read from the frames as they pass.
 */

import { Emitter } from './emitter.js';
import { framesOf, senderOf } from './wire.js';

/** @typedef {{ key: string, from: string, bytes: number, total: number }} Arrival */

/** @extends {Emitter<{ arrival: undefined, upload: undefined }>} */
export class Transfers extends Emitter {
  /** What comes, by its sequence. @type {Map<unknown, Arrival>} */
  #arrivals = new Map();
  /** What goes: there is one at a time. @type {{ bytes: number, total: number } | undefined} */
  upload;

  /** @param {import('./session.js').Session} session */
  constructor(session) {
    super();
    session.on('frame', ({ bytes }) => {
      if (bytes) for (const frame of framesOf(bytes)) this.#passed(frame);
    });
    // What was on its way begins again on the next connection.
    session.on('state', () => session.registered || this.#reset());
    session.on('signedin', () => this.#reset());
  }

  /**
   * Of the messages that wait, the one that is on its way to the server: the first file.
   * @param {import('./conversations.js').Conversations} conversations
   */
  uploading(conversations) {
    return this.upload && conversations.waiting().find(({ entry }) => entry.file)?.entry;
  }

  /** What comes from somebody. @param {string[]} senders @returns {Arrival[]} */
  from(senders) {
    return [...this.#arrivals.values()].filter(({ from }) => senders.includes(from));
  }

  /** @param {import('./wire.js').WireFrame} frame */
  #passed({ name, fields, body }) {
    const total = Number(fields.total_bytes);
    if (name === 'Begin') this.#going({ bytes: 0, total });
    else if (name === 'Piece' && this.upload) this.#going({ ...this.upload, bytes: Number(fields.offset) + Number(fields.piece_bytes) });
    else if (name === 'DeliverBegin') this.#arrivals.set(fields.sequence, { key: `arrival ${fields.sequence}`, from: '', bytes: 0, total });
    else if (name === 'DeliverPiece') this.#came(fields, body);
  }

  /** @param {{ bytes: number, total: number }} upload */
  #going(upload) {
    this.upload = upload.bytes < upload.total ? upload : undefined;
    this.emit('upload', undefined);
  }

  /**
   * @param {Record<string, unknown>} fields
   * @param {Uint8Array} body
   */
  #came({ sequence, offset, piece_bytes: length }, body) {
    const arrival = this.#arrivals.get(sequence);
    if (!arrival) return;
    if (offset === 0) arrival.from = senderOf(body.subarray(body.length - Number(length)));
    arrival.bytes = Number(offset) + Number(length);
    if (arrival.bytes >= arrival.total) this.#arrivals.delete(sequence);
    this.emit('arrival', undefined);
  }

  #reset() {
    this.#arrivals.clear();
    this.upload = undefined;
    this.emit('arrival', undefined);
    this.emit('upload', undefined);
  }
}
