import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linuxMissing } from '../../guests/linux.mjs';
import { testProgram } from '../../packages/machine/test/programs/index.js';
import { launch, skipped as withoutChromium } from '../../packaging/browser.js';
import { GUEST, serveTerminal } from '../../scripts/terminal.mjs';

/** Milliseconds in which the kernel is fetched, boots and gives a prompt. Alone on a computer it takes some three seconds. */
const BOOT = 120_000;

const withoutLinux = linuxMissing();

describe.skipIf(withoutChromium !== '')(`the terminal in Chromium${withoutChromium}`, () => {
  let browser: Browser;
  let server: Awaited<ReturnType<typeof serveTerminal>>;
  let url: string;

  beforeAll(async () => {
    server = await serveTerminal(0);
    url = server.resolvedUrls!.local[0];
    browser = await launch();
  }, BOOT);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  async function open(address: string) {
    const page = await browser.newPage({ viewport: { width: 1000, height: 640 } });
    page.setDefaultTimeout(BOOT);
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    await page.goto(address);
    return { page, errors, status: page.locator('#status'), rows: page.locator('.xterm-rows') };
  }

  it.skipIf(withoutLinux !== '')(
    `boots the kernel, takes what is typed and shows what the guest answers${withoutLinux}`,
    async () => {
      const { page, errors, status, rows } = await open(url + GUEST);
      await rows.filter({ hasText: 'root #' }).waitFor();
      expect(await status.textContent()).toMatch(/^2 vCPUs, 192 MiB, up for \d+\.\d s of its time$/);
      // nobody has clicked: the terminal has the focus
      await page.keyboard.type('echo $((6 * 7)) $(uname -m)\n');
      await rows.filter({ hasText: '42 aarch64' }).waitFor();
      await page.keyboard.type('poweroff -f\n');
      await status.filter({ hasText: 'The guest has ended (off).' }).waitFor();
      expect(errors).toEqual([]);
    },
    2 * BOOT,
  );

  it('boots a kernel that is dropped on it', async () => {
    const { page, errors, status, rows } = await open(url);
    const bytes = JSON.stringify([...testProgram('hello')]);
    const dataTransfer = await page.evaluateHandle(`(() => {
      const files = new DataTransfer();
      files.items.add(new File([Uint8Array.from(${bytes})], 'hello.bin'));
      return files;
    })()`);
    await page.dispatchEvent('main', 'drop', { dataTransfer });
    await rows.filter({ hasText: 'hello, world' }).waitFor();
    await status.filter({ hasText: 'The guest has ended (off).' }).waitFor();
    expect(errors).toEqual([]);
  });

  it('says what it lacks', async () => {
    const nothing = await open(url);
    expect(await nothing.status.textContent()).toBe('No guest yet.');
    const wrong = await open(`${url}?kernel=/nowhere/Image`);
    await wrong.status.filter({ hasText: 'There is no /nowhere/Image (HTTP 404).' }).waitFor();
    expect([...nothing.errors, ...wrong.errors]).toEqual([]);
  });
});
