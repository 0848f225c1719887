// Assembles the programs of this folder for the tests, which read the result and need no assembler:
//   node packages/machine/test/programs/assemble.mjs        (Debian: gcc-aarch64-linux-gnu)
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'programs-'));
const programs = {};
try {
  for (const file of readdirSync(here)
    .filter((name) => name.endsWith('.s'))
    .sort()) {
    const object = join(work, 'program.o');
    const binary = join(work, 'program.bin');
    execFileSync('aarch64-linux-gnu-as', ['-march=armv8-a', '-o', object, join(here, file)], { stdio: 'inherit' });
    execFileSync('aarch64-linux-gnu-objcopy', ['-O', 'binary', '-j', '.text', object, binary]);
    programs[file.slice(0, -2)] = readFileSync(binary).toString('base64');
  }
} finally {
  rmSync(work, { recursive: true });
}
writeFileSync(join(here, 'programs.json'), `${JSON.stringify(programs, null, 2)}\n`);
