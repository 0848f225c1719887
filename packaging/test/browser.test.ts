import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type BuildOptions, build as esbuild } from 'esbuild';
import type { Browser } from 'playwright-core';
import { build as vite } from 'vite';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { launch, resultsOf, serve, skipped } from '../browser.js';
import { isForNode, manifestOf, PACKAGES, specifiers } from '../packed.js';

const folder = inject('installed');

function bundle(options: BuildOptions) {
  return esbuild({
    absWorkingDir: folder,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    logLevel: 'silent',
    metafile: true,
    write: false,
    ...options,
  });
}

const ofLine = (contents: string) => ({ stdin: { contents, resolveDir: folder } });

describe('a bundle for the browser', () => {
  it('that has { Gic } is below 28 kB gzipped', async () => {
    const { outputFiles } = await bundle(
      ofLine("import { Gic } from 'vgic'; globalThis.gic = new Gic({ version: 3, vcpus: 1 });"),
    );
    const size = gzipSync(outputFiles![0].contents, { level: 9 }).length;
    expect(size).toBeGreaterThan(10_000);
    expect(size).toBeLessThan(28_000);
  });

  it('has nothing of what is imported and not used', async () => {
    const modules = PACKAGES.flatMap((name) => specifiers(join(folder, 'node_modules', name))).filter(
      (name) => !isForNode(name),
    );
    const { outputFiles } = await bundle(ofLine(modules.map((name) => `import '${name}';\n`).join('')));
    expect(outputFiles![0].text.trim()).toBe('');
  });

  it('is of what is built, whatever the condition `source` means to the bundler', async () => {
    const { metafile } = await bundle({ entryPoints: ['page.ts'], conditions: ['source'] });
    const files = Object.keys(metafile!.inputs).filter((file) => file.startsWith('node_modules/'));
    expect(files.length).toBeGreaterThan(100);
    expect(files.filter((file) => file.includes('/src/'))).toEqual([]);
  });

  it('cannot be of the part for Node', async () => {
    await expect(bundle(ofLine("export * from '@vgic/machine/node';"))).rejects.toThrow(/Could not resolve "node:fs"/);
  });
});

describe.skipIf(skipped !== '')(`a page in Chromium${skipped}`, () => {
  let browser: Browser;
  let server: Server;
  let url: string;
  const kernel = readFileSync(join(folder, 'hello.bin'));
  const expected = { acknowledged: 33, left: false, console: 'hello, world\n', empty: [] };
  const pageOf = (name: string, html: string) => {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, 'index.html'), `<!doctype html><link rel="icon" href="data:," />${html}`);
  };

  beforeAll(async () => {
    ({ server, url } = await serve(folder));
    browser = await launch();
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  it('that esbuild has bundled delivers an interrupt and boots a guest', async () => {
    await bundle({ entryPoints: ['page.ts'], write: true, outfile: 'with-esbuild/page.js' });
    pageOf('with-esbuild', '<script type="module" src="page.js"></script>');
    expect(await resultsOf(browser, `${url}/with-esbuild/index.html`, kernel)).toEqual(expected);
  });

  it('that Vite has built delivers an interrupt and boots a guest', async () => {
    pageOf('for-vite', '<script type="module" src="../page.ts"></script>');
    await vite({
      root: join(folder, 'for-vite'),
      base: './',
      configFile: false,
      logLevel: 'silent',
      build: { outDir: '../with-vite', emptyOutDir: true },
    });
    expect(await resultsOf(browser, `${url}/with-vite/index.html`, kernel)).toEqual(expected);
  });

  it('that nobody has bundled delivers an interrupt and boots a guest', async () => {
    // Only the types are taken out of what the user has written; the packages are served as npm has installed them.
    await esbuild({
      absWorkingDir: folder,
      entryPoints: ['page.ts', 'consumer.ts', 'exports.ts'],
      outdir: 'unbundled',
      format: 'esm',
    });
    const imports = Object.fromEntries([...PACKAGES, 'pako'].flatMap(importsOf));
    pageOf(
      'unbundled',
      `<script type="importmap">${JSON.stringify({ imports })}</script><script type="module" src="page.js"></script>`,
    );
    expect(await resultsOf(browser, `${url}/unbundled/index.html`, kernel)).toEqual(expected);
  });
});

/** The rows of a page's import map for a package: what its `exports` say for `import`. */
function importsOf(name: string): [string, string][] {
  const { exports } = manifestOf(join(folder, 'node_modules', name));
  return Object.entries(exports).flatMap(([subpath, target]): [string, string][] => {
    const file = typeof target === 'string' ? target : (target.import ?? target.default);
    return [[name + subpath.slice(1), `/node_modules/${name}/${file.replace(/^\.\//, '')}`]];
  });
}
