// The packed package through Vite, webpack and esbuild: the modules and the worker are emitted, the scripts name them, and the page runs.

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
const inside = join(folder, 'node_modules/msgsrouter');
const MODULES = ['encryption_bg.wasm', 'identity_bg.wasm', 'msgsrouter_bg.wasm', 'passphrase_bg.wasm'];
for (const name of ['page.js', 'page-esbuild.js']) copyFileSync(join(import.meta.dirname, 'samples', name), join(folder, name));
writeFileSync(join(folder, 'index.html'), '<!doctype html><title>page</title><script type="module" src="./page.js"></script>');

/**
 * The modules are in `out` once each, byte for byte; the scripts name them; the page's own script runs, and loads from there
 * what it needs, and no more. With a worker, its script is there as well.
 */
async function runs(out, { hasWorker = true } = {}) {
  const names = readdirSync(out, { recursive: true });
  const emitted = names.filter((name) => name.endsWith('.wasm'));
  const bytes = new Map(emitted.map((name) => [basename(name), readFileSync(join(out, name))]));
  for (const name of MODULES) {
    const expected = readFileSync(join(inside, name));
    assert.equal([...bytes.values()].filter((other) => other.equals(expected)).length, 1, `${name} in ${names.join(' ')}`);
  }
  assert.equal(emitted.length, MODULES.length);
  const scripts = names.filter((name) => /\.m?js$/.test(name));
  const text = new Map(scripts.map((name) => [name, readFileSync(join(out, name), 'utf8')]));
  for (const name of bytes.keys()) assert.ok([...text.values()].some((script) => script.includes(name)), name);
  const [script] = scripts.filter((name) => /document\.title\s*=/.test(text.get(name)));
  if (hasWorker) {
    // Some script starts a worker from a script that was emitted, and that script listens.
    const workers = scripts.filter((name) => [...text.values()].some((other) => other.includes('Worker(') && other.includes(basename(name))));
    assert.ok(workers.some((name) => /addEventListener\(["'`]message/.test(text.get(name))), `no worker among ${names.join(' ')}`);
  }

  const asked = [];
  const respond = (url) => {
    asked.push(basename(String(url)));
    return Promise.resolve(new Response(bytes.get(asked.at(-1)), { headers: { 'content-type': 'application/wasm' } }));
  };
  const createElement = () => ({ relList: { supports: () => true } });
  const page = { title: '', createElement, getElementsByTagName: () => [], querySelector: () => null, baseURI: pathToFileURL(out).href };
  const globals = { document: page, fetch: respond };
  const kept = Object.fromEntries(Object.keys(globals).map((name) => [name, globalThis[name]]));
  Object.assign(globalThis, globals);
  try {
    await import(pathToFileURL(join(out, script)));
  } finally {
    Object.assign(globalThis, kept);
  }
  const which = asked.map((name) => MODULES.find((module) => bytes.get(name).equals(readFileSync(join(inside, module)))));
  assert.deepEqual(which, ['msgsrouter_bg.wasm', 'passphrase_bg.wasm']);
  assert.equal(page.title, '3ccb7d82bb030d0c902bfac1b6d4eb96 0 true key');
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
  await runs(outdir, { hasWorker: false });
});
