/**
 * Compiles packages/machine/core (AssemblyScript) to WebAssembly, as a TypeScript module that holds the bytes in base64:
 * packages/machine/src/core/generated/wasm.ts. So the core needs no file and no fetch, in Node and in a browser alike,
 * and tsc, Vitest and bundlers find it like any other source. The file is not committed: run this before tsc or Vitest.
 *
 *   node scripts/build-core.mjs [--force] [--text FILE]
 *
 * Does nothing when the sources and the compiler are those of the last build. --text also writes the WebAssembly text.
 * Refuses imports that go in a circle, between files or between folders: the linter does not read AssemblyScript.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import { circleIn } from './import-circles.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sources = join(root, 'packages/machine/core');
const output = join(root, 'packages/machine/src/core/generated/wasm.ts');
const compiler = createRequire(import.meta.url)('assemblyscript/package.json').version;
const OPTIONS = ['-O3', '--noAssert', '--runtime', 'stub', '--initialMemory', '4'];

const files = new Map(
  readdirSync(sources, { recursive: true })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => [name, readFileSync(join(sources, name), 'utf8')]),
);
const hash = createHash('sha256')
  .update(JSON.stringify([compiler, OPTIONS, [...files]]))
  .digest('hex');
const mark = `// Built by scripts/build-core.mjs from sources ${hash}`;

const textAt = process.argv.indexOf('--text');
const forced = process.argv.includes('--force') || textAt > 0;
if (!forced && existsSync(output) && readFileSync(output, 'utf8').startsWith(mark)) process.exit(0);

/** Runs when the compiler has parsed the sources: what they import is as it has read it. */
const refuseCircles = {
  afterParse({ sources }) {
    const ours = sources.filter(({ internalPath }) => !internalPath.startsWith('~lib/'));
    const imports = ours.flatMap(({ internalPath: from, statements }) =>
      statements.filter(({ internalPath: to }) => to).map(({ internalPath: to }) => [from, to]),
    );
    const betweenFolders = imports.map((pair) => pair.map(dirname)).filter(([from, to]) => from !== to);
    const circle = circleIn(imports) ?? circleIn(betweenFolders);
    if (circle) throw new Error(`packages/machine/core: imports go in a circle: ${circle.join(' -> ')}`);
  },
};

let bytes;
let text;
const { error, stderr } = await asc.main(['index.ts', ...OPTIONS, '--outFile', 'core.wasm', '--textFile', 'core.wat'], {
  readFile: (name, base) => files.get(join(base, name)) ?? files.get(name) ?? null,
  writeFile: (name, contents) => {
    if (name.endsWith('.wasm')) bytes = contents;
    else text = contents;
  },
  listFiles: () => [],
  transforms: [refuseCircles],
});
if (error || !bytes) {
  console.error(stderr.toString() || String(error));
  process.exit(1);
}
if (textAt > 0) writeFileSync(process.argv[textAt + 1], text);

mkdirSync(dirname(output), { recursive: true });
// Written beside and renamed: someone else may be importing it.
const temporary = `${output}.${process.pid}`;
writeFileSync(temporary, `${mark}\nexport const WASM_BASE64 =\n  '${Buffer.from(bytes).toString('base64')}';\n`);
renameSync(temporary, output);
console.log(`core: ${bytes.length} bytes of WebAssembly`);
