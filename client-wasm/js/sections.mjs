// A WebAssembly module as it is written down: sections, and in them numbers and texts.

/** The sections that are looked into. */
export const SECTION = { custom: 0, imports: 2, exports: 7, code: 10, data: 11 };

/** Each section, without its head. */
export function* sectionsOf(module) {
  const reader = new Reader(module, 8);
  while (!reader.isAtEnd()) {
    const id = reader.byte();
    yield { id, body: reader.bytes(reader.number()) };
  }
}

/** Unsigned LEB128. */
export function leb(number) {
  const bytes = [];
  for (; number >= 0x80; number >>>= 7) bytes.push((number & 0x7f) | 0x80);
  return Uint8Array.of(...bytes, number);
}

/** A text with its length. */
export function text(value) {
  return Buffer.concat([leb(value.length), Buffer.from(value)]);
}

/** Reads from the front to the back. */
export class Reader {
  #bytes;
  #at;

  constructor(bytes, at = 0) {
    [this.#bytes, this.#at] = [bytes, at];
  }

  isAtEnd() {
    return this.#at >= this.#bytes.length;
  }

  byte() {
    return this.#bytes[this.#at++];
  }

  number() {
    let [value, shift, byte] = [0, 0, 0];
    do {
      byte = this.byte();
      value |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte & 0x80);
    return value;
  }

  bytes(length) {
    return this.#bytes.subarray(this.#at, (this.#at += length));
  }

  text() {
    return Buffer.from(this.bytes(this.number())).toString();
  }
}
