/** The scripts of the page fit together, and the types of the package fit what the page does with it. */

import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

test('the compiler finds no fault with the page', async () => {
  const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const folder = fileURLToPath(new URL('.', import.meta.url));
  await promisify(execFile)(process.execPath, [compiler, '-p', folder], { cwd: folder }).catch(({ stdout }) => {
    throw new Error(stdout);
  });
});
