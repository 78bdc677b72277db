/** Spelling values as JSON text, with the engine's own JSON: that is what the hashes are over. */

import { invalid } from './error.ts';

/** The JSON text of a content; throws an `MsrError` for what has none. */
export function spell(content: unknown): string {
  if (content instanceof ArrayBuffer || ArrayBuffer.isView(content)) {
    throw invalid('Version 1 carries JSON values, not bytes');
  }
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
