import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { pathOf } from '../scripts/debian-packages.mjs';

const CHROMIUM = pathOf('chromium');
/** What a test's name ends with where there is no Chromium; empty where there is. */
export const skipped = CHROMIUM ? '' : ' (skipped: no Chromium; enable with: apt-get install chromium)';

/** Milliseconds for a page to load and do its work. */
const PATIENCE = 60_000;
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript' };

/** Serves the files of a folder as they are. */
export async function serve(folder: string): Promise<{ url: string; server: Server }> {
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url!, 'http://localhost').pathname);
    try {
      const bytes = await readFile(join(folder, path));
      response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' }).end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

/** Debian's Chromium with a profile of its own, which asks nobody for anything. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM!,
    timeout: PATIENCE,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** What `results` of a page answers; an error when the page had one. */
export async function resultsOf(browser: Browser, url: string, kernel: Uint8Array): Promise<unknown> {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  try {
    await page.goto(url, { waitUntil: 'load' });
    if (errors.length > 0) throw new Error(errors.join('\n'));
    const text = await page.evaluate(
      (bytes) => (globalThis as unknown as { results(kernel: Uint8Array): string }).results(Uint8Array.from(bytes)),
      [...kernel],
    );
    return JSON.parse(text);
  } finally {
    await page.close();
  }
}
