// The types resolve, for import and require and for bundlers, with the compiler looking into every declaration.

import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { install } from './support/install.mjs';

const HERE = import.meta.dirname;
const folder = install({ ws: false });
for (const name of ['module.mts', 'commonjs.cts']) copyFileSync(join(HERE, 'samples', name), join(folder, name));
// What a bundler's project calls the same file.
writeFileSync(join(folder, 'page.ts'), readFileSync(join(folder, 'module.mts')));

function check(files, options) {
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: 'es2022',
    lib: ['es2022', 'dom'],
    types: [],
    skipLibCheck: false,
    exactOptionalPropertyTypes: true,
    ...options,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  try {
    execFileSync(join(HERE, 'node_modules/.bin/tsc'), ['--project', folder], { encoding: 'utf8' });
  } catch ({ stdout }) {
    assert.fail(stdout);
  }
}

test('in Node, by import and by require', () => check(['module.mts', 'commonjs.cts'], { module: 'node16', moduleResolution: 'node16' }));

test('in Node with require of ES modules', () => check(['module.mts', 'commonjs.cts'], { module: 'nodenext', moduleResolution: 'nodenext' }));

test('in a bundler', () => check(['page.ts'], { module: 'esnext', moduleResolution: 'bundler' }));
