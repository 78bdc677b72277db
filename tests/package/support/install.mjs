// Packs the package and installs the tarball into a folder of its own, as a stranger would.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const HERE = join(import.meta.dirname, '..');
const PKG = join(HERE, '../../pkg');

// What clients keep in these tests, they keep here; their child processes too.
const STORAGE = mkdtempSync(join(tmpdir(), 'msgsrouter-storage-'));
process.env.MSGSROUTER_STORAGE = STORAGE;
process.on('exit', () => rmSync(STORAGE, { recursive: true, force: true }));

/** A project that has the package, and `ws` unless told otherwise. Gives its folder; it is removed with the process. */
export function install({ ws = true } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'msgsrouter-package-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const [{ filename }] = JSON.parse(npm(['pack', PKG, '--json', '--pack-destination', folder], folder));
  writeFileSync(join(folder, 'package.json'), '{ "name": "stranger", "private": true }');
  npm(['install', join(folder, filename), '--offline', '--ignore-scripts'], folder);
  if (ws) cpSync(join(HERE, 'node_modules/ws'), join(folder, 'node_modules/ws'), { recursive: true });
  return folder;
}

/** What `require(name)` gives in that project, in this process. */
export function requireIn(folder, name) {
  return createRequire(join(folder, 'index.js'))(name);
}

function npm(args, cwd) {
  return execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd, encoding: 'utf8' });
}
