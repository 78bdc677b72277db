/**
 * A web server of somebody else: files of one folder, the reader of frames of our own page, and a bare page at `/` with a
 * strict policy of its own.
 */

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const READER = fileURLToPath(new URL('../../../www/app/wire.js', import.meta.url));

const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html; charset=utf-8' };
const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; img-src data:; connect-src 'self' ws://127.0.0.1:* http://127.0.0.1:*";

/** @param {string} folder */
export async function serveFolder(folder) {
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname);
    const headers = { 'content-security-policy': POLICY };
    if (path === '/') {
      response.writeHead(200, { ...headers, 'content-type': TYPES['.html'] }).end('<!doctype html><link rel="icon" href="data:,"><title>Another origin</title>');
      return;
    }
    try {
      const body = await readFile(path === '/wire.js' ? READER : join(folder, path));
      response.writeHead(200, { ...headers, 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    origin: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
