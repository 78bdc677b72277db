// The packed package through Vite, webpack and esbuild: the module is emitted, the script names it, and the page runs.

import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import * as esbuild from 'esbuild';
import * as vite from 'vite';
import webpack from 'webpack';
import { install } from './support/install.mjs';

const folder = install({ ws: false });
const wasm = readFileSync(join(folder, 'node_modules/msgsrouter/msgsrouter_bg.wasm'));
for (const name of ['page.js', 'page-esbuild.js']) copyFileSync(join(import.meta.dirname, 'samples', name), join(folder, name));
writeFileSync(join(folder, 'index.html'), '<!doctype html><title>page</title><script type="module" src="./page.js"></script>');

/** The module is in `out` once, byte for byte; the script names it, runs, and loads it from there. */
async function runs(out) {
  const names = readdirSync(out, { recursive: true });
  const emitted = names.filter((name) => name.endsWith('.wasm'));
  assert.equal(emitted.length, 1, names.join(' '));
  assert.deepEqual(readFileSync(join(out, emitted[0])), wasm);
  const [script, ...others] = names.filter((name) => /\.m?js$/.test(name));
  assert.deepEqual(others, []);
  assert.ok(readFileSync(join(out, script), 'utf8').includes(basename(emitted[0])));

  const asked = [];
  const page = { title: '', getElementsByTagName: () => [], querySelector: () => null, baseURI: pathToFileURL(out).href };
  const globals = { document: page, fetch: (url) => asked.push(basename(String(url))) && response() };
  const kept = Object.fromEntries(Object.keys(globals).map((name) => [name, globalThis[name]]));
  Object.assign(globalThis, globals);
  try {
    await import(pathToFileURL(join(out, script)));
  } finally {
    Object.assign(globalThis, kept);
  }
  assert.deepEqual(asked, [basename(emitted[0])]);
  assert.equal(page.title, '3ccb7d82bb030d0c902bfac1b6d4eb96 0');
}

function response() {
  return Promise.resolve(new Response(wasm, { headers: { 'content-type': 'application/wasm' } }));
}

function outFolder(name) {
  const out = join(folder, name);
  mkdirSync(out);
  writeFileSync(join(out, 'package.json'), '{ "type": "module" }');
  return out;
}

test('Vite', async () => {
  const outDir = outFolder('out-vite');
  const build = { outDir, emptyOutDir: false, assetsInlineLimit: 0, target: 'es2022', modulePreload: { polyfill: false } };
  await vite.build({ root: folder, configFile: false, logLevel: 'error', build });
  await runs(outDir);
});

test('webpack', async () => {
  const path = outFolder('out-webpack');
  const compiler = webpack({
    mode: 'production',
    context: folder,
    entry: './page.js',
    target: ['web', 'es2022'],
    experiments: { outputModule: true },
    output: { path, module: true, publicPath: pathToFileURL(path).href + '/' },
    performance: false,
  });
  const stats = await new Promise((resolve, reject) => compiler.run((error, stats) => (error ? reject(error) : resolve(stats))));
  assert.deepEqual([stats.compilation.errors, stats.compilation.warnings], [[], []]);
  await runs(path);
});

test('esbuild', async () => {
  const outdir = outFolder('out-esbuild');
  const { warnings } = await esbuild.build({
    absWorkingDir: folder,
    entryPoints: ['page-esbuild.js'],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    loader: { '.wasm': 'file' },
    outdir,
    logLevel: 'silent',
  });
  assert.deepEqual(warnings, []);
  await runs(outdir);
});
