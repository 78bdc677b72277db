/**
 * Frames of version 2, from bytes to something to read: what docs/PROTOCOL-v2.md says of each, as a table. For the
 * inspector alone; the package has a reader of its own.
 */

/** @typedef {{ name: string, size: number, fields: Record<string, unknown>, body: Uint8Array }} WireFrame */

/** @typedef {any} Type */

/** @type {Type} */
const MESSAGE_ID = [['device', 'id'], ['outbox_epoch', 'u64'], ['number', 'varint']];
/** @type {Type} */
const SEND = [['number', 'varint'], ['flags', 'u8'], ['expire_after_ms', 'varint'], ['recipients', ['list', 'id']], ['device_headers', ['list', [['device', 'id'], ['header', 'bytes']]]], ['reply_to', ['optional', MESSAGE_ID]], ['subject', 'json'], ['content', 'rest']];
/** @type {Type} */
const MESSAGE = [['from', 'id'], ['id', MESSAGE_ID], ['timestamp_ms', 'u64'], ['flags', 'u8'], ['recipients', ['list', 'id']], ['reply_to', ['optional', MESSAGE_ID]], ['subject', 'json'], ['content', 'rest']];
/** @type {Type} */
const RECEIPT = [['outbox_epoch', 'u64'], ['number', 'varint'], ['recipient', 'id'], ['code', 'u16'], ['timestamp_ms', 'u64']];

/** What stands in each frame, in order. @type {Record<number, [string, any[]]>} */
const FRAMES = {
  0x01: ['Challenge', [['nonce', 'nonce'], ['time_ms', 'u64'], ['server', 'text']]],
  0x02: ['Hello', [['credential', 'id'], ['device', 'id'], ['device_name', 'text'], ['name', 'json'], ['email', 'json'], ['secret', 'json'], ['location', 'json'], ['publish', 'bool'], ['time_ms', 'u64'], ['outbox_epoch', 'u64'], ['queue_epoch', ['optional', 'u64']], ['start', 'u64'], ['handled', 'u64'], ['proof', 'bytes']]],
  0x03: ['Welcome', [['origin_time_ms', 'u64'], ['receive_time_ms', 'u64'], ['process_time_us', 'varint'], ['queue_epoch', 'u64'], ['start', 'u64'], ['accepted', 'varint'], ['waiting', 'varint'], ['gap', 'bool'], ['window_entries', 'varint'], ['window_bytes', 'varint'], ['message_bytes', 'varint'], ['piece_bytes', 'varint'], ['heartbeat_ms', 'varint']]],
  0x04: ['Refused', [['code', 'u16'], ['reason', 'text']]],
  0x05: ['Ping', [['time_ms', 'u64']]],
  0x06: ['Pong', [['origin_time_ms', 'u64'], ['receive_time_ms', 'u64']]],
  0x07: ['Bye', []],
  0x10: ['Send', SEND],
  0x11: ['Begin', [['upload', 'varint'], ['total_bytes', 'varint']]],
  0x12: ['Piece', [['upload', 'varint'], ['offset', 'varint'], ['piece_bytes', 'left']]],
  0x13: ['Void', [['number', 'varint']]],
  0x14: ['Accepted', [['number', 'varint'], ['timestamp_ms', 'u64'], ['exceptions', ['list', [['recipient', 'varint'], ['code', 'u16']]]]]],
  0x15: ['Rejected', [['number', 'varint'], ['code', 'u16'], ['reason', 'text']]],
  0x16: ['Finish', [['upload', 'varint'], ['number', 'varint']]],
  0x17: ['Declined', [['upload', 'varint'], ['code', 'u16'], ['reason', 'text']]],
  0x20: ['Deliver', [['sequence', 'u64'], ['header', 'bytes'], ['', 'entry']]],
  0x21: ['DeliverBegin', [['sequence', 'u64'], ['sender', 'id'], ['total_bytes', 'varint'], ['header', 'bytes']]],
  0x22: ['DeliverPiece', [['sequence', 'u64'], ['offset', 'varint'], ['piece_bytes', 'left']]],
  0x23: ['Ack', [['sequence', 'u64']]],
  0x24: ['Progress', [['number', 'varint'], ['recipient', 'id'], ['bytes', 'varint']]],
  0x25: ['Realtime', [['header', 'bytes'], ['', 'entry']]],
  0x30: ['Find', [['ticket', 'varint'], ['keyword', 'text']]],
  0x31: ['Found', [['ticket', 'varint'], ['peers', ['list', 'json']]]],
  0x32: ['Devices', [['revision', 'varint'], ['devices', ['list', [['device', 'id'], ['name', 'text'], ['online', 'bool'], ['seen_ms', 'u64'], ['waiting', 'varint']]]]]],
  0x33: ['Retire', [['device', 'id']]],
  0x34: ['Trouble', [['code', 'u16'], ['reason', 'text']]],
  0x40: ['PutList', [['ticket', 'varint'], ['list_bytes', 'left']]],
  0x41: ['ListPut', [['ticket', 'varint'], ['code', 'u16'], ['list_bytes', 'left']]],
  0x42: ['GetLists', [['ticket', 'varint'], ['peers', ['list', 'id']]]],
  0x43: ['Lists', [['ticket', 'varint'], ['lists', ['list', [['peer', 'id'], ['list', 'bytes']]]]]],
  0x44: ['PutKeys', [['ticket', 'varint'], ['fallback', ['optional', 'bytes']], ['one_time', ['list', 'bytes']]]],
  0x45: ['Keys', [['ticket', 'varint'], ['code', 'u16'], ['one_time', 'varint']]],
  0x46: ['Claim', [['ticket', 'varint'], ['devices', ['list', [['peer', 'id'], ['device', 'id']]]]]],
  0x47: ['Claimed', [['ticket', 'varint'], ['code', 'u16'], ['keys', ['list', [['device', 'id'], ['key', 'bytes']]]]]],
};

const HEADER_BYTES = 4;
/** Bits of `flags`: the content is bytes; it is sealed. */
const [BYTES, SEALED] = [4, 8];

const decoder = new TextDecoder();

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** @param {Uint8Array} bytes */
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** A number that fits is a number; others are their digits. @param {bigint} value */
const plain = (value) => (Number.isSafeInteger(Number(value)) ? Number(value) : String(value));

class Reader {
  #bytes;
  #view;
  #at = 0;
  /** What `flags` said last. */
  #flags = 0;

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** @param {any} type @returns {any} */
  read(type) {
    if (Array.isArray(type)) return this.#compound(type);
    switch (type) {
      case 'u8': return (this.#flags = this.#view.getUint8(this.#move(1)));
      case 'u16': return this.#view.getUint16(this.#move(2), true);
      case 'u64': return plain(this.#view.getBigInt64(this.#move(8), true));
      case 'bool': return this.#view.getUint8(this.#move(1)) === 1;
      case 'varint': return this.#varint();
      case 'id': return hex(this.#take(16));
      case 'nonce': return hex(this.#take(32));
      case 'bytes': return `${this.#take(this.#varint()).length} bytes`;
      case 'text': return decoder.decode(this.#take(this.#varint()));
      case 'json': return parsed(decoder.decode(this.#take(this.#varint())));
      case 'left': return this.#left().length;
      case 'rest': return this.#rest();
      case 'entry': return this.fields(this.read('u8') === 0 ? MESSAGE : RECEIPT);
      default: throw new Error(`unknown type ${type}`);
    }
  }

  /** @param {any[]} fields */
  fields(fields) {
    /** @type {Record<string, unknown>} */
    const values = {};
    for (const [name, type] of fields) {
      const value = this.read(type);
      if (name) values[name] = value;
      else Object.assign(values, value);
    }
    return values;
  }

  /** @param {any[]} type */
  #compound(type) {
    if (type[0] === 'optional') return this.read('bool') ? this.read(type[1]) : null;
    if (type[0] === 'list') return Array.from({ length: this.#varint() }, () => this.read(type[1]));
    return this.fields(type);
  }

  #varint() {
    let value = 0;
    for (let weight = 1; ; weight *= 128) {
      const byte = this.#view.getUint8(this.#move(1));
      value += (byte & 127) * weight;
      if (byte < 128) return value;
    }
  }

  /** @param {number} count */
  #take(count) {
    const from = this.#move(count);
    return this.#bytes.subarray(from, from + count);
  }

  #rest() {
    const bytes = this.#left();
    if (this.#flags & SEALED) return `${bytes.length} bytes, encrypted`;
    return this.#flags & BYTES ? `${bytes.length} bytes` : parsed(decoder.decode(bytes));
  }

  #left() {
    return this.#take(this.#bytes.length - this.#at);
  }

  /** @param {number} count */
  #move(count) {
    const from = this.#at;
    this.#at += count;
    if (this.#at > this.#bytes.length) throw new RangeError('the frame ends within a field');
    return from;
  }
}

/**
 * The frames in one binary message. What cannot be read is told as a frame that says so.
 * @param {Uint8Array} message
 * @returns {WireFrame[]}
 */
export function framesOf(message) {
  /** @type {WireFrame[]} */
  const frames = [];
  for (let at = 0; at + HEADER_BYTES <= message.length; ) {
    const length = message[at + 1] | (message[at + 2] << 8) | (message[at + 3] << 16);
    const [name, fields] = FRAMES[message[at]] ?? [`unknown 0x${message[at].toString(16)}`, []];
    const body = message.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length);
    frames.push({ name, size: HEADER_BYTES + body.length, fields: readable(body, fields), body });
    at += HEADER_BYTES + length;
  }
  return frames;
}

/**
 * @param {Uint8Array} body
 * @param {any[]} fields
 */
function readable(body, fields) {
  try {
    return new Reader(body).fields(fields);
  } catch (error) {
    return { unreadable: String(error) };
  }
}

/** Who sent the message that an entry begins to tell; empty for a receipt. @param {Uint8Array} entry */
export const senderOf = (entry) => (entry[0] === 0 && entry.length > 16 ? hex(entry.subarray(1, 17)) : '');
