/** Spelling values as JSON text, with the engine's own JSON: that is what the hashes are over. */

import { invalid } from './error.ts';

/** Whether a content is bytes rather than a JSON value. */
export function isBytes(content: unknown): content is ArrayBuffer | ArrayBufferView {
  return content instanceof ArrayBuffer || ArrayBuffer.isView(content);
}

/** Its bytes. */
export function bytesOf(content: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(content) ? new Uint8Array(content.buffer, content.byteOffset, content.byteLength) : new Uint8Array(content);
}

/** The JSON text of a content; throws an `MsrError` for what has none. */
export function spell(content: unknown): string {
  if (isBytes(content)) throw invalid('A JSON value is expected here, not bytes');
  let text: string | undefined;
  try {
    text = JSON.stringify(content);
  } catch (cause) {
    throw invalid(`Not a JSON value: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
  if (text === undefined) throw invalid(`Not a JSON value: ${typeof content}`);
  return text;
}

/** The value, if it is a string. */
export function string(what: string, value: unknown): string {
  if (typeof value !== 'string') throw invalid(`${what} must be a string`);
  return value;
}

/** Options, if they are an object. */
export function checked<T extends object>(options: T): T {
  if (typeof options !== 'object' || options === null) throw invalid('options must be an object');
  return options;
}

/** The recipients that `to` names: one string counts as an array of one. */
export function recipients(to: unknown): string[] {
  if (typeof to === 'string') return [to];
  if (!Array.isArray(to)) throw invalid('to must be a string or an array of strings');
  return to.map((recipient) => string('a recipient', recipient));
}

/** The value, if it is an object that JSON can spell. */
export function object<T extends object>(what: string, value: T): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${what} must be an object`);
  spell(value);
  return value;
}
