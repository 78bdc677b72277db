/** Chromium, and pages that remember what went wrong on them. */

import { chromium } from 'playwright-core';

export const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
const AS_ROOT = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
export const FLAGS = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', ...AS_ROOT];

export const TIMEOUT_MS = 30_000;

export async function launch() {
  return chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
}

/**
 * A page in a context of its own. `page.troubles` collects exceptions, errors on the console and violations of the
 * content security policy.
 * @param {import('playwright-core').Browser} browser
 * @param {import('playwright-core').BrowserContextOptions} [options]
 */
export async function newPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', reducedMotion: 'reduce', ...options });
  context.setDefaultTimeout(TIMEOUT_MS);
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
  });
  return openPage(context);
}

/** Another page of the same browser: the devices of who left it are there again. @param {import('playwright-core').BrowserContext} context */
export async function openPage(context) {
  const page = await context.newPage();
  const troubles = [];
  page.on('pageerror', (error) => troubles.push(`exception: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') troubles.push(`${message.type()}: ${message.text()}`);
  });
  return Object.assign(page, { troubles });
}
