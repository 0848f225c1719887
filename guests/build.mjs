// Builds the guests that are images of their own, and the init program for Linux. The same compiler makes the same bytes,
// wherever and whenever.
//
//   node guests/build.mjs            builds all, beside their sources
//   node guests/build.mjs --check    builds elsewhere and says what differs
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));

export const compiler = 'aarch64-linux-gnu-gcc';
/** What the committed images were built with. Another version makes other, equally good bytes. */
export const compilerVersion = 'aarch64-linux-gnu-gcc (Debian 12.2.0-14) 12.2.0';

const flags = [
  '-std=gnu11 -O2 -Wall -Wextra -Werror -ffreestanding -nostdlib -fno-common -fno-stack-protector',
  '-fno-builtin -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -mgeneral-regs-only',
  '-mstrict-align -mno-outline-atomics -march=armv8-a -fno-pic -mcmodel=small',
  '-Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments',
]
  .join(' ')
  .split(' ');

/** What a guest is: how it is linked, and what of the linked file is kept. */
const forms = {
  // Addresses in code are relative to the program counter; -pie lets the linker script see any that is not.
  image: { link: ['-Wl,-pie', '-Wl,--no-dynamic-linker'], keep: ['-O', 'binary'] },
  program: { link: ['-static'], keep: ['--strip-all'] },
};

/**
 * Folder and image of each guest, an `image` of an arm64 kernel unless its form is another; its sources are the .S and
 * .c files of the folder, and those it shares with another.
 */
export const guests = [
  { name: 'interrupts', image: 'interrupts/interrupts.bin' },
  { name: 'cpu-system', image: 'cpu-system/cpu-system.bin' },
  {
    name: 'its',
    image: 'its/its.bin',
    shared: ['../interrupts/start.S', '../interrupts/console.c', '../interrupts/device-tree.c'],
    linkerScript: '../interrupts/image.ld',
  },
  {
    name: 'cases',
    image: 'cases/cases.bin',
    shared: ['../interrupts/start.S', '../interrupts/console.c', '../interrupts/device-tree.c'],
    linkerScript: '../interrupts/image.ld',
  },
  {
    name: 'random-gic',
    image: 'random-gic/random-gic.bin',
    shared: ['../interrupts/start.S', '../interrupts/console.c', '../interrupts/device-tree.c'],
    linkerScript: '../interrupts/image.ld',
  },
  { name: 'linux-init', image: 'linux-init/init.elf', form: 'program', linkerScript: 'program.ld' },
];

/** First line of `--version`, or undefined when there is no such compiler. */
export function installedCompiler() {
  try {
    return execFileSync(compiler, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split(
      '\n',
    )[0];
  } catch {
    return undefined;
  }
}

/** The image of one guest, built from its sources. Throws when the compiler is missing or refuses. */
export function build(name) {
  const folder = join(here, name);
  const { shared = [], linkerScript = 'image.ld', form = 'image' } = guests.find((guest) => guest.name === name);
  const { link, keep } = forms[form];
  const temporary = mkdtempSync(join(tmpdir(), 'guest-'));
  try {
    const sources = readdirSync(folder)
      .filter((file) => /\.[cS]$/.test(file))
      .sort();
    const elf = join(temporary, `${name}.elf`);
    // From inside the folder and by relative names, so that no path gets into the image.
    execFileSync(compiler, [...flags, ...link, '-T', linkerScript, '-o', elf, ...shared, ...sources], {
      cwd: folder,
      stdio: 'inherit',
    });
    const image = join(temporary, `${name}.bin`);
    execFileSync('aarch64-linux-gnu-objcopy', [...keep, elf, image]);
    return readFileSync(image);
  } finally {
    rmSync(temporary, { recursive: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const check = process.argv.includes('--check');
  for (const { name, image } of guests) {
    const built = build(name);
    const path = join(here, image);
    if (!check) writeFileSync(path, built);
    else if (!built.equals(readFileSync(path))) {
      console.error(`guests/${image} is not what its sources give with ${installedCompiler()}.`);
      process.exitCode = 1;
      continue;
    }
    console.log(`guests/${image}: ${built.length} bytes`);
  }
}
