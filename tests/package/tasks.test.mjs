// The tasks of the keys, from their source: no page can bring about what fails here.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { build } from 'esbuild';

const SOURCE = join(import.meta.dirname, '../../client-wasm/js/src/keys/keys.ts');
const folder = mkdtempSync(join(tmpdir(), 'msgsrouter-tasks-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** The class, with that in place of the encryption module. */
async function keysWith(encryptionModule) {
  const outfile = join(folder, 'keys.cjs');
  const modules = {
    name: 'modules',
    setup(build) {
      build.onResolve({ filter: /modules\.ts$/ }, () => ({ path: 'modules', namespace: 'given' }));
      build.onLoad({ filter: /.*/, namespace: 'given' }, () => ({ contents: 'export const encryptionModule = () => globalThis.given();' }));
    },
  };
  await build({ entryPoints: [SOURCE], outfile, bundle: true, format: 'cjs', platform: 'node', plugins: [modules], logLevel: 'silent' });
  globalThis.given = encryptionModule;
  return createRequire(outfile)(outfile).Keys;
}

/** Whoever has the keys, and what it was told. */
function host() {
  const troubles = [];
  const owner = () => ({ name: '""', email: '""', secret: '""', seed: undefined });
  return { troubles, session: () => undefined, keep: () => {}, owner, tell: () => {}, trouble: (error) => troubles.push(error) };
}

test('a task that throws takes no other one with it', async () => {
  const done = [];
  class Made {
    ask(question) {
      if (question[0] === 0) throw new Error('unreachable');
      done.push(question[0]);
    }
    drain() {}
    timeout() {}
    free() {}
  }
  const Keys = await keysWith(async () => ({ Keys: Made }));
  const { troubles, ...rest } = host();
  const keys = new Keys({ ...rest, trouble: (error) => troubles.push(error) });
  keys.restored([]);
  for (const number of [1, 0, 2]) keys.ask(new Uint8Array([number]));
  assert.equal(await keys.act(() => 'an answer'), 'an answer');
  assert.deepEqual(done, [1, 2]);
  assert.deepEqual(troubles.map(({ code, retry }) => [code, retry]), [[463, true]]);
  assert.ok(keys.isQuiet);
});

test('without the module all that waits fails, and what comes later has it again', async () => {
  let isThere = false;
  class Made {
    drain() {}
    timeout() {}
    free() {}
  }
  const Keys = await keysWith(async () => {
    if (!isThere) throw new Error('not found');
    return { Keys: Made };
  });
  const { troubles, ...rest } = host();
  const keys = new Keys({ ...rest, trouble: (error) => troubles.push(error) });
  keys.restored([]);
  const both = [keys.act(() => 1), keys.act(() => 2)];
  for (const one of both) await assert.rejects(one, { code: 463, retry: true });
  assert.equal(troubles.length, 1);
  isThere = true;
  assert.equal(await keys.act(() => 3), 3);
});
