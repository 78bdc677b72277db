// Makes the npm package in pkg/ out of what wasm-pack left in target/wasm-pack, and prints its size.
//
// The WebAssembly is optimised for size; the face is bundled with wasm-bindgen's glue, once for browsers (ESM) and once
// for Node (CommonJS, which `import` shares); the types are written for both kinds of module; the entry files of a few
// lines are copied from entry/. pkg/package.json and pkg/README.md are tracked and stay as they are.

import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const HERE = import.meta.dirname;
const ROOT = join(HERE, '../..');
const PKG = join(ROOT, 'pkg');
const WASM = 'msgsrouter_bg.wasm';
const BUILT_WASM = join(ROOT, 'target/wasm-pack', WASM);
const TRACKED = ['package.json', 'README.md'];

/** What rustc's wasm32-unknown-unknown uses, and every browser of the last years has. */
const WASM_FEATURES = [
  'bulk-memory',
  'multivalue',
  'mutable-globals',
  'nontrapping-float-to-int',
  'reference-types',
  'sign-ext',
].map((feature) => `--enable-${feature}`);

function main() {
  if (!existsSync(BUILT_WASM)) throw new Error(`${BUILT_WASM} is missing: run wasm-pack first`);
  clean();
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

function optimise() {
  run('wasm-opt', ['-Os', ...WASM_FEATURES, BUILT_WASM, '-o', join(PKG, WASM)]);
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
