/** The package as npm would install it: packed, then unpacked. */

import { execFile } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PACKAGE = fileURLToPath(new URL('../../../pkg/', import.meta.url));

/** @returns {Promise<string>} a folder with `package/` in it */
export async function packedPackage() {
  const folder = await mkdtemp(join(tmpdir(), 'msr-packed-'));
  const { stdout } = await run('npm', ['pack', PACKAGE, '--json', '--ignore-scripts', '--pack-destination', folder], { cwd: folder });
  const [{ filename }] = JSON.parse(stdout);
  await run('tar', ['-xzf', filename], { cwd: folder });
  return folder;
}
