// Makes the npm package in pkg/ out of what wasm-pack left in target/wasm-pack.
//
// There are four modules: the core, what derives keys, what is for pass phrases, and what encrypts; all but the core are loaded
// when they are needed, each with a script of its own. The WebAssembly is made small (docs/decisions/package-size.md says what each step is worth); the face is bundled with wasm-bindgen's glue, once for browsers (ESM) and once
// for Node (CommonJS, which `import` shares); the types are written for both kinds of module; the entry files of a few
// lines are copied from entry/. pkg/package.json and pkg/README.md are tracked and stay as they are.

import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import binaryen from 'binaryen';
import { build } from 'esbuild';
import { namedByLikeness } from './order.mjs';
import { shrink } from './shrink.mjs';

const HERE = import.meta.dirname;
const ROOT = join(HERE, '../..');
const PKG = join(ROOT, 'pkg');
/** Each module, in its folder of target/wasm-pack. */
const MODULES = ['core/msgsrouter', 'identity/identity', 'passphrase/passphrase', 'encryption/encryption'].map((name) => join(ROOT, 'target/wasm-pack', name));
const glueOf = (module) => `${module}.js`;
const wasmOf = (module) => `${module}_bg.wasm`;
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

function main() {
  const missing = MODULES.map(wasmOf).find((path) => !existsSync(path));
  if (missing) throw new Error(`${missing} is missing: run wasm-pack first`);
  clean();
  const glues = new Map(MODULES.map((module) => [glueOf(module), writeModule(module)]));
  writeTypes();
  copyEntries();
  return bundle(glues);
}

function clean() {
  for (const name of readdirSync(PKG)) {
    if (!TRACKED.includes(name)) rmSync(join(PKG, name), { recursive: true });
  }
}

/** Writes the module to pkg/; gives the glue that fits it. */
function writeModule(built) {
  const { module, glue } = shrink(optimise(built), readFileSync(glueOf(built), 'utf8'));
  if (!WebAssembly.validate(module)) throw new Error(`${basename(wasmOf(built))} is not valid`);
  writeFileSync(join(PKG, basename(wasmOf(built))), module);
  return glue;
}

function optimise(built) {
  const module = binaryen.readBinary(readFileSync(wasmOf(built)));
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
  binaryen.setGenerateStackIR(true);
  binaryen.setOptimizeStackIR(true);
  module.optimize();
  // What the first round made of the code shows the second one a little more.
  module.optimize();
  // How data is aligned is a hint to the engine that none of them takes, and differs between what is alike.
  module.runPasses(['dealign']);
  const optimised = module.emitBinary();
  module.dispose();
  return reordered(optimised);
}

function reordered(optimised) {
  const module = binaryen.readBinary(namedByLikeness(Buffer.from(optimised)));
  module.setFeatures(WASM_FEATURES);
  module.runPasses(['reorder-functions-by-name']);
  const ordered = module.emitBinary();
  module.dispose();
  return ordered;
}

async function bundle(glues) {
  const common = { absWorkingDir: HERE, bundle: true, target: 'es2022', legalComments: 'none', logLevel: 'warning' };
  const browser = { ...common, format: 'esm', minify: true };
  const node = {
    ...common,
    format: 'cjs',
    platform: 'node',
    conditions: ['msr-node'],
    external: ['ws'],
    inject: ['src/host/timers.ts'],
    // `require` gives a script of ours as it is; `import` would give what CommonJS looks like from outside.
    supported: { 'dynamic-import': false },
    // The glue's own way to find the module, which Node does not take.
    define: { 'import.meta.url': 'undefined' },
  };
  const [, identity, passphrase, encryption] = MODULES.map(glueOf);
  const scripts = [
    ['src/index.ts', 'src/node.ts', 'index.js', 'node.cjs', true],
    ['src/identity-worker.ts', 'src/identity-worker-node.ts', 'identity-worker.js', 'identity-worker.cjs', true],
    // Where its module is, is said by whoever loads it.
    [identity, identity, 'identity.js', 'identity.cjs', false, node.define],
    [passphrase, passphrase, 'passphrase.js', 'passphrase.cjs', false],
    [encryption, encryption, 'encryption.js', 'encryption.cjs', false],
  ];
  for (const [entry, nodeEntry, script, nodeScript, isApart, define] of scripts) {
    const apart = (extension) => [fittingGlue(glues), ...(isApart ? [modulesApart(extension)] : [])];
    await build({ ...browser, entryPoints: [entry], outfile: join(PKG, script), plugins: apart('js'), ...(define && { define }) });
    await build({ ...node, entryPoints: [nodeEntry], outfile: join(PKG, nodeScript), plugins: apart('cjs') });
  }
}

/** The glue as it fits the modules in pkg/, in place of what wasm-pack left. */
function fittingGlue(glues) {
  const setup = (build) => {
    build.onLoad({ filter: /wasm-pack.*\.js$/ }, ({ path }) => ({ contents: glues.get(path) }));
  };
  return { name: 'fitting glue', setup };
}

/** The modules that are loaded when they are needed stay in scripts of their own, beside the one that wants them. */
function modulesApart(extension) {
  const setup = (build) => {
    build.onResolve({ filter: /^msgsrouter-(identity|passphrase|encryption)$/ }, ({ path }) => ({ path: `./${path.split('-')[1]}.${extension}`, external: true }));
  };
  return { name: 'modules apart', setup };
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

function run(tool, args) {
  execFileSync(join(HERE, 'node_modules/.bin', tool), args, { cwd: HERE, stdio: 'inherit' });
}

await main();
