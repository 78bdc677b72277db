// What is left in a module after optimising, and nobody needs: long names for what it and its glue give each other, what its
// panics would say, with the places in the sources, notes on how it was made; and of the glue the better part of its loader.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clearTexts } from './panic-texts.mjs';
import { Reader, SECTION, leb, sectionsOf, text } from './sections.mjs';

/** What an import is; wasm-bindgen's modules import functions alone. */
const FUNCTION = 0;
/** What the module imports from, as the glue calls it. */
const GLUE = 'a';

/** A function of the glue that the module imports, with its name. */
const IMPORTED = /^ {8}(__wb\w+): function\([^]*?^ {8}\}(?:, arguments\); \})?,\n/gm;
/** Something of the module that the glue uses, with its name. */
const EXPORTED = /(?<=\bwasm\.)\w+/g;

/** The glue's own loader, and the name of the file that it loads. */
const LOADER = /^let wasmModule, wasmInstance, wasm;$[^]*new URL\('(\w+\.wasm)'[^]*$/m;
const OUR_LOADER = readFileSync(join(import.meta.dirname, 'loader.js'), 'utf8');

/** The module, smaller, and the glue that fits it. */
export function shrink(module, glue) {
  const [imports, exports] = [new Map(), new Map()];
  const sections = [...sectionsOf(module)].filter(({ id }) => id !== SECTION.custom);
  const shorten = (names) => (name) => names.set(name, short(names.size)).get(name);
  for (const section of sections) {
    if (section.id === SECTION.imports) section.body = renameImports(section.body, shorten(imports));
    if (section.id === SECTION.exports) section.body = renameExports(section.body, shorten(exports));
    if (section.id === SECTION.data) {
      clearPlaces(section.body);
      for (const { bytes } of segmentsOf(section.body)) clearTexts(bytes);
    }
  }
  const head = module.subarray(0, 8);
  const rest = sections.flatMap(({ id, body }) => [Uint8Array.of(id), leb(body.length), body]);
  const missing = new Set(imports.keys());
  const renameImported = (whole, name) => (missing.delete(name) ? whole.replace(name, imports.get(name)) : '');
  if (!LOADER.test(glue)) throw new Error('the glue has another loader');
  const fitting = glue
    .replace(LOADER, (_, file) => OUR_LOADER.replace('MODULE', file))
    .replace(IMPORTED, renameImported)
    .replace(EXPORTED, (name) => exports.get(name) ?? name)
    .replace(/"\.\/\w+_bg\.js"(?=: import0)/, GLUE);
  if (missing.size > 0) throw new Error(`the glue has no ${[...missing].join(', ')}`);
  return { module: Buffer.concat([head, ...rest]), glue: fitting };
}

function renameImports(body, rename) {
  const reader = new Reader(body);
  const count = reader.number();
  const renamed = [leb(count)];
  for (let index = 0; index < count; index++) {
    reader.text();
    const name = rename(reader.text());
    if (reader.byte() !== FUNCTION) throw new Error(`the import ${name} is no function`);
    renamed.push(text(GLUE), text(name), Uint8Array.of(FUNCTION), leb(reader.number()));
  }
  return Buffer.concat(renamed);
}

function renameExports(body, rename) {
  const reader = new Reader(body);
  const count = reader.number();
  const renamed = [leb(count)];
  for (let index = 0; index < count; index++) {
    renamed.push(text(rename(reader.text())), Uint8Array.of(reader.byte()), leb(reader.number()));
  }
  return Buffer.concat(renamed);
}

/** A panic's place is the address and the length of a file's name, then line and column. Zeros compress to nothing. */
function clearPlaces(body) {
  const segments = [...segmentsOf(body)];
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const find = (address, length) => {
    const segment = segments.find(({ start, bytes }) => start <= address && address + length <= start + bytes.length);
    return segment?.bytes.subarray(address - segment.start, address - segment.start + length);
  };
  const files = new Set();
  for (const { start, bytes } of segments) {
    for (let at = -start & 3; at + 16 <= bytes.length; at += 4) {
      const word = (index) => view.getUint32(bytes.byteOffset - body.byteOffset + at + 4 * index, true);
      const file = find(word(0), word(1));
      if (file && word(2) < 1 << 16 && word(3) < 1 << 10 && /^[\w/.-]+\.rs$/.test(Buffer.from(file).toString('latin1'))) {
        files.add(file);
        bytes.fill(0, at, at + 16);
      }
    }
  }
  for (const file of files) file.fill(0);
}

/** What is put into memory at the start, with its address. */
function* segmentsOf(body) {
  const reader = new Reader(body);
  for (let count = reader.number(); count > 0; count--) {
    const [kind, constant] = [reader.byte(), reader.byte()];
    if (kind !== 0 || constant !== 0x41) throw new Error('data of an unknown kind');
    const start = reader.number();
    reader.byte();
    yield { start, bytes: reader.bytes(reader.number()) };
  }
}

/** `a`, `b` … `Z`, `aa` … */
function short(index) {
  const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
  const last = letters[index % letters.length];
  return index < letters.length ? last : short(Math.floor(index / letters.length) - 1) + last;
}
