/** One server and one browser for the tests of a file. */

import { after, before } from 'node:test';
import { launch, newPage } from './browser.mjs';
import { Server } from './server.mjs';

export function setUp() {
  /** @type {{ server: Server, browser: import('playwright-core').Browser, page: (options?: import('playwright-core').BrowserContextOptions) => ReturnType<typeof newPage> }} */
  const stage = { server: undefined, browser: undefined, page: (options) => newPage(stage.browser, options) };
  before(async () => {
    [stage.server, stage.browser] = await Promise.all([Server.start(), launch()]);
  });
  after(async () => {
    await stage.browser?.close();
    await stage.server?.stop();
  });
  return stage;
}
