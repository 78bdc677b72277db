// Makes the npm package in pkg/ out of what wasm-pack left in target/wasm-pack, and prints its size.
//
// The WebAssembly is made small (docs/decisions/package-size.md says what each step is worth); the face is bundled with wasm-bindgen's glue, once for browsers (ESM) and once
// for Node (CommonJS, which `import` shares); the types are written for both kinds of module; the entry files of a few
// lines are copied from entry/. pkg/package.json and pkg/README.md are tracked and stay as they are.

import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import binaryen from 'binaryen';
import { build } from 'esbuild';

const HERE = import.meta.dirname;
const ROOT = join(HERE, '../..');
const PKG = join(ROOT, 'pkg');
const WASM = 'msgsrouter_bg.wasm';
const BUILT = join(ROOT, 'target/wasm-pack');
const GLUE = 'msgsrouter.js';
const TRACKED = ['package.json', 'README.md'];

const { Features } = binaryen;
/** What rustc's wasm32-unknown-unknown uses, and every browser of the last years has. */
const WASM_FEATURES =
  Features.BulkMemory | Features.BulkMemoryOpt | Features.Multivalue | Features.MutableGlobals | Features.NontrappingFPToInt |
  Features.ReferenceTypes | Features.SignExt;

/** What a panic does before it traps: it words a text that nobody is there to read, since no panic hook is installed. */
const PANICS = new RegExp(
  [
    /(core|std|alloc)(\[\w+\])?::panicking::/,
    /^<.* as core(\[\w+\])?::fmt::Debug>::fmt|::PadAdapter as /,
    /(slice_error|slice_index|len_mismatch|unwrap|expect|assert)_fail(ed)?(_rt|_inner)?$/,
    /panic_already_(mutably_)?borrowed$|handle_(alloc_)?error$|::rust_panic$/,
  ].map(({ source }) => source).join('|'),
);

/** The end of a name that wasm-bindgen gives an import: random digits, which no compressor makes less of. */
const IMPORT_HASH = /(?<=__wbg_\w+_)[0-9a-f]{16}(?!\w)/g;

function main() {
  if (!existsSync(join(BUILT, WASM))) throw new Error(`${join(BUILT, WASM)} is missing: run wasm-pack first`);
  clean();
  nameImports();
  optimise();
  writeTypes();
  copyEntries();
  return bundle().then(printSize);
}

function clean() {
  for (const name of readdirSync(PKG)) {
    if (!TRACKED.includes(name)) rmSync(join(PKG, name), { recursive: true });
  }
}

/** Counts the imports instead, in module and glue alike; the names keep their length, so that the module stays as it is. */
function nameImports() {
  const counts = new Map();
  for (const name of [GLUE, WASM]) {
    const path = join(BUILT, name);
    const count = (hash) => {
      if (!counts.has(hash)) counts.set(hash, String(counts.size).padStart(hash.length, '0'));
      return counts.get(hash);
    };
    writeFileSync(path, readFileSync(path, 'latin1').replace(IMPORT_HASH, count), 'latin1');
  }
}

/** Writes the module to pkg/. */
function optimise() {
  const module = binaryen.readBinary(readFileSync(join(BUILT, WASM)));
  module.setFeatures(WASM_FEATURES);
  for (let index = 0; index < module.getNumFunctions(); index++) {
    const ref = module.getFunctionByIndex(index);
    const { name, module: importedFrom } = binaryen.getFunctionInfo(ref);
    if (!importedFrom && PANICS.test(name)) binaryen.Function.setBody(ref, module.unreachable());
  }
  // What is inlined is repeated: that compresses less well than a call.
  binaryen.setOptimizeLevel(2);
  binaryen.setShrinkLevel(1);
  binaryen.setAlwaysInlineMaxSize(0);
  binaryen.setFlexibleInlineMaxSize(0);
  binaryen.setOneCallerInlineMaxSize(0);
  module.optimize();
  if (!module.validate()) throw new Error('the optimised module is not valid');
  writeFileSync(join(PKG, WASM), module.emitBinary());
  module.dispose();
}

async function bundle() {
  const common = { absWorkingDir: HERE, bundle: true, target: 'es2022', legalComments: 'none', logLevel: 'warning' };
  await build({ ...common, entryPoints: ['src/index.ts'], format: 'esm', minify: true, outfile: join(PKG, 'index.js') });
  await build({
    ...common,
    entryPoints: ['src/node.ts'],
    format: 'cjs',
    platform: 'node',
    conditions: ['msr-node'],
    external: ['ws'],
    inject: ['src/host/timers.ts'],
    // The glue's own way to find the module, which Node does not take.
    define: { 'import.meta.url': 'undefined' },
    outfile: join(PKG, 'node.cjs'),
  });
}

/** Declarations of what index.ts reaches, as ES modules and again as CommonJS. */
function writeTypes() {
  const scratch = mkdtempSync(join(tmpdir(), 'msgsrouter-types-'));
  try {
    run('tsc', ['--project', HERE, '--declaration', '--emitDeclarationOnly', '--outDir', scratch]);
    const reached = new Map();
    reach(scratch, 'index', reached);
    mkdirSync(join(PKG, 'types'));
    for (const [name, text] of reached) {
      writeFileSync(join(PKG, 'types', `${name}.d.ts`), text('js'));
      writeFileSync(join(PKG, 'types', `${name}.d.cts`), text('cjs'));
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function reach(folder, name, reached) {
  const declarations = readFileSync(join(folder, `${name}.d.ts`), 'utf8');
  const specifier = /(?<=(?:from |import\()['"]\.\/)([\w-]+)\.[jt]s(?=['"])/g;
  reached.set(name, (extension) => declarations.replace(specifier, `$1.${extension}`));
  for (const [, next] of declarations.matchAll(specifier)) {
    if (!reached.has(next)) reach(folder, next, reached);
  }
}

function copyEntries() {
  const entries = join(HERE, 'entry');
  for (const name of readdirSync(entries)) copyFileSync(join(entries, name), join(PKG, name));
  copyFileSync(join(ROOT, 'LICENSE'), join(PKG, 'LICENSE'));
}

function printSize() {
  const parts = [WASM, 'index.js'].map((name) => [name, readFileSync(join(PKG, name))]);
  const rows = parts.map(([name, bytes]) => [name, bytes.length, gzipSync(bytes, { level: 9 }).length, brotliCompressSync(bytes).length]);
  const total = rows.reduce(([name, ...sums], [, ...sizes]) => [name, ...sums.map((sum, at) => sum + sizes[at])], ['together', 0, 0, 0]);
  console.log(`${'bytes'.padEnd(20)}${'raw'.padStart(10)}${'gzip'.padStart(10)}${'brotli'.padStart(10)}`);
  for (const [name, ...sizes] of [...rows, total]) {
    console.log(name.padEnd(20) + sizes.map((size) => String(size).padStart(10)).join(''));
  }
}

function run(tool, args) {
  execFileSync(join(HERE, 'node_modules/.bin', tool), args, { cwd: HERE, stdio: 'inherit' });
}

await main();
