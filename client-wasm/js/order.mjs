// Functions that are alike stand side by side, so that a compressor, which looks back a little way, finds in one what it needs
// for the next: what is generated from one generic is much the same, whatever it is called.

import { Reader, SECTION, leb, sectionsOf, text } from './sections.mjs';

/** How many bytes of code in a row are compared. */
const RUN = 3;
/** The part of the section of names that names functions. */
const FUNCTIONS = 1;

/** The module with its functions named so that ordered by name those stand together that are alike. */
export function namedByLikeness(module) {
  const sections = [...sectionsOf(module)];
  const imported = new Reader(sections.find(({ id }) => id === SECTION.imports).body).number();
  const place = new Map(path(functionsOf(sections)).map((index, nth) => [imported + index, nth]));
  const count = imported + place.size;
  const names = Array.from({ length: count }, (_, index) => [leb(index), text(nameOf(place.get(index) ?? index))]).flat();
  const functions = Buffer.concat([leb(count), ...names]);
  const custom = Buffer.concat([text('name'), Uint8Array.of(FUNCTIONS), leb(functions.length), functions]);
  const rest = sections.filter(({ id }) => id !== SECTION.custom).concat({ id: SECTION.custom, body: custom });
  return Buffer.concat([module.subarray(0, 8), ...rest.flatMap(({ id, body }) => [Uint8Array.of(id), leb(body.length), body])]);
}

/** Of equal length, so that text is ordered as numbers are. */
function nameOf(number) {
  return String(number).padStart(8, '0');
}

/** The code of each function. */
function functionsOf(sections) {
  const reader = new Reader(sections.find(({ id }) => id === SECTION.code).body);
  return Array.from({ length: reader.number() }, () => reader.bytes(reader.number()));
}

/** The functions in order: from the smallest, always on to the one that is most like the last. */
function path(functions) {
  const runs = functions.map(runsOf);
  const left = new Set(functions.keys());
  const order = [];
  let next = [...left].reduce((least, index) => (functions[index].length < functions[least].length ? index : least));
  while (next !== undefined) {
    left.delete(next);
    order.push(next);
    next = nearest(runs, runs[next], left);
  }
  return order;
}

function nearest(runs, last, left) {
  let [best, most] = [undefined, -1];
  for (const index of left) {
    const likeness = likenessOf(last, runs[index]);
    if (likeness > most) [best, most] = [index, likeness];
  }
  return best;
}

/** The cosine of the two sets: 1 where all runs are the same, 0 where none is. */
function likenessOf(one, other) {
  const [few, many] = one.size < other.size ? [one, other] : [other, one];
  let both = 0;
  for (const run of few) if (many.has(run)) both++;
  return both / Math.max(Math.sqrt(one.size * other.size), 1);
}

/** The different runs of bytes, each as a number. */
function runsOf(code) {
  const runs = new Set();
  for (let at = 0; at + RUN <= code.length; at++) runs.add(code.readUIntBE(at, RUN));
  return runs;
}
