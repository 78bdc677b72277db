// What panics of the standard library and of a few crates say, which nobody hears: build.mjs takes out what words them. A text
// that is missing here stays in the module and breaks nothing.

const TEXTS = [
  /slice index starts at | but ends at |index out of bounds: the len is | but the index is /,
  /range (?:start|end) index |" out of range for slice of length /,
  /copy_from_slice: source slice length \(|\) does not match destination slice length \(/,
  /(?:insertion|removal) index \(is |\) should be <=? len \(is |Tried to shrink to a larger capacity/,
  /assertion `left |[ \n]right` failed|assertion failed: (?:key_size|output_size) <= U64::to_usize\(\)/,
  /assertion failed: (?:salt|persona)\.len\(\) <= length|assertion failed: index < self\.inner\.block_count/,
  /assertion failed: self\.inner\.lane_of\(index\) == self\.lane \|\|\n {4}self\.inner\.slice_of\(index\) != self\.slice/,
  /called `\w+::unwrap\(\)` on an? `\w+` value|RefCell already (?:mutably )?borrowed/,
  /mid > len|capacity overflow|attempt to divide by zero|chunk size must be non-zero|TryFromSliceError\(\)/,
  /attempt to join into collection with len > usize::MAX|`blocks` can not be empty/,
];
const ANY = new RegExp(TEXTS.map(({ source }) => source).join('|'), 'g');

/** Sets them to zeros, which compress to nothing. */
export function clearTexts(bytes) {
  for (const { 0: text, index } of Buffer.from(bytes).toString('latin1').matchAll(ANY)) bytes.fill(0, index, index + text.length);
}
