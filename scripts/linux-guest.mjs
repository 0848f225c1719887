// Debian's own arm64 kernel as a guest: fetches the kernel with its virtio modules, and a busybox, into .cache/linux.
//
//   node scripts/linux-guest.mjs                             fetches them with apt, unless they are there
//   node scripts/linux-guest.mjs --packages FILE.deb ...     takes them out of packages that were fetched by hand
//   node scripts/linux-guest.mjs --initrd FILE               ... and writes an initial RAM disk with guests/linux-init
//   node scripts/linux-guest.mjs --initrd FILE --busybox     ... or one with a shell
//
// Nothing is installed and nothing of the system changed: apt works on lists and in a cache of its own, which are removed.
// VGIC_NO_APT=1 keeps it from asking apt. With CI=true it is an error if the kernel stays missing.
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { busyboxInitrd, initInitrd, LINUX, modules } from '../guests/linux.mjs';

/** The metapackage, which depends on the kernel of the day; beginnings of names of what is unpacked. */
const METAPACKAGE = 'linux-image-cloud-arm64';
const PACKAGES = { kernel: 'linux-image-', busybox: 'busybox-static' };
const SUITES = [
  'guests/test/linux-in-vgic.test.ts',
  'guests/test/linux-devices-in-vgic.test.ts',
  'guests/test/linux-features-in-vgic.test.ts',
  'guests/test/linux-migrates.test.ts',
  'guests/test/linux-moves-between-processes.test.ts',
  'guests/test/linux-typed-at-while-migrated.test.ts',
  'guests/test/linux-in-qemu.test.ts',
  'guests/test/busybox-in-vgic.test.ts',
  'examples/test/terminal.test.ts',
  'bench (linux)',
];

/** A stamp that is not this one is of an earlier script, which took other things out of the packages. */
const STAMP = JSON.stringify({ version: 1, modules });
const stampFile = join(LINUX, 'stamp');

class Missing extends Error {}

function isThere() {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8') === STAMP;
}

/** Runs a command and answers what it prints; Missing with the sentence and its last words when it fails. */
function run(command, words, { cwd, sentence }) {
  const { status, stdout, stderr, error } = spawnSync(command, words, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    env: { ...process.env, LC_ALL: 'C' },
  });
  if (status === 0) return stdout;
  const reason = error?.code === 'ENOENT' ? `there is no ${command}` : (error?.message ?? lastLine(stderr));
  throw new Missing(`${sentence}${reason ? `: ${reason}` : ''}.`);
}

function lastLine(text) {
  return (text.trim().split('\n').at(-1) ?? '').replace(/\.$/, '');
}

/** Options with which apt knows arm64 only, and neither reads nor writes the state of this system. */
function aptOptions(folder) {
  const settings = {
    'APT::Architecture': 'arm64',
    'APT::Architectures': 'arm64',
    'APT::Update::Error-Mode': 'any',
    'Acquire::Retries': '2',
    'Acquire::Languages': 'none',
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::State::status': '/dev/null',
    'Dir::Cache': join(folder, 'cache'),
    // Packages go where root may write, and others perhaps not.
    ...(process.getuid?.() === 0 && { 'APT::Sandbox::User': 'root' }),
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

/** Fetches the packages with apt into the folder; answers their files. */
function download(folder) {
  if (process.env.VGIC_NO_APT === '1') throw new Missing('VGIC_NO_APT=1 keeps apt from being asked.');
  for (const name of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(folder, name), { recursive: true });
  const options = aptOptions(folder);
  console.log(`Fetching Debian's arm64 kernel (${METAPACKAGE}) and busybox with apt, some 30 MB ...`);
  run('apt-get', [...options, 'update', '-qq'], {
    cwd: folder,
    sentence: "apt cannot read this system's package sources",
  });
  const about = run('apt-cache', [...options, 'show', '--no-all-versions', METAPACKAGE], {
    cwd: folder,
    sentence: `This system's package sources have no ${METAPACKAGE}`,
  });
  const kernel = /^Depends:.*?\b(linux-image-[\w.+-]+)/m.exec(about)?.[1];
  if (!kernel) throw new Missing(`${METAPACKAGE} names no kernel.`);
  run('apt-get', [...options, 'download', '-qq', kernel, PACKAGES.busybox], {
    cwd: folder,
    sentence: `apt cannot fetch ${kernel} and ${PACKAGES.busybox}`,
  });
  return readdirSync(folder)
    .filter((file) => file.endsWith('.deb'))
    .map((file) => join(folder, file));
}

/** All files under a folder, as paths from there. */
function filesUnder(folder) {
  return readdirSync(folder, { recursive: true }).map(String);
}

/** Takes kernel, modules and busybox out of the packages into the folder. */
function unpack(packages, folder) {
  const unpacked = join(folder, 'unpacked');
  for (const file of packages) {
    mkdirSync(unpacked, { recursive: true });
    run('dpkg-deb', ['-x', file, unpacked], { cwd: folder, sentence: `${file} cannot be unpacked` });
  }
  const files = filesUnder(unpacked);
  const find = (pattern, what) => {
    const found = files.find((file) => pattern.test(file));
    if (!found) throw new Missing(`The packages have no ${what}.`);
    return join(unpacked, found);
  };
  const made = join(folder, 'linux');
  mkdirSync(join(made, 'modules'), { recursive: true });
  copyFileSync(find(/^boot\/vmlinuz-/, 'kernel'), join(made, 'Image'));
  copyFileSync(find(/(^|\/)bin\/busybox$/, 'busybox'), join(made, 'busybox'));
  const builtIn = readFileSync(find(/\/modules\.builtin$/, 'list of what is built into the kernel'), 'utf8');
  for (const name of modules) {
    if (builtIn.includes(`/${name}.ko`)) continue;
    const file = find(new RegExp(`/${name}\\.ko(\\.xz)?$`), `module ${name}`);
    const to = join(made, 'modules', `${name}.ko`);
    if (file.endsWith('.xz')) {
      const { status, stdout } = spawnSync('xz', ['-dc', file], { maxBuffer: 1 << 26 });
      if (status !== 0)
        throw new Missing(`The module ${name} is compressed, and xz is missing (apt-get install xz-utils).`);
      writeFileSync(to, stdout);
    } else copyFileSync(file, to);
  }
  writeFileSync(join(made, 'stamp'), STAMP);
  return made;
}

/** Puts all of it into place at once; what was begun and not ended is removed. */
function fetchLinux(given) {
  const folder = `${LINUX}.new-${process.pid}`;
  try {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const made = unpack(given ?? download(folder), folder);
    rmSync(LINUX, { recursive: true, force: true });
    renameSync(made, LINUX);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Fetches the kernel if it is missing, and says what is skipped when it can't.
 * @returns {boolean} whether it is there; never false with CI=true, which throws instead
 */
export function ensureLinux() {
  if (isThere()) return true;
  try {
    fetchLinux();
    return true;
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    const advice =
      'To enable them, run node scripts/linux-guest.mjs on Debian 12, or elsewhere with dpkg: fetch the arm64 packages that ' +
      `${METAPACKAGE} depends on and ${PACKAGES.busybox}, and give both to node scripts/linux-guest.mjs --packages.`;
    const message = `Debian's arm64 kernel is missing. ${error.message} Skipped without it: ${SUITES.join(', ')}. ${advice}`;
    if (process.env.CI === 'true') throw new Error(message);
    console.log(message);
    return false;
  }
}

function usage(message) {
  console.error(message);
  process.exit(2);
}

function main() {
  let values;
  let positionals;
  try {
    ({ values, positionals } = parseArgs({
      allowPositionals: true,
      options: { initrd: { type: 'string' }, busybox: { type: 'boolean' }, packages: { type: 'boolean' } },
    }));
  } catch (error) {
    usage(error.message);
  }
  if (positionals.length > 0 !== (values.packages ?? false))
    usage('--packages takes the .deb files, and nothing else does.');
  if (values.busybox && values.initrd === undefined) usage('--busybox goes with --initrd FILE.');
  try {
    if (values.packages) fetchLinux(positionals.map((file) => resolve(file)));
    else if (!ensureLinux()) process.exit(1);
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
  if (values.initrd === undefined) {
    console.log(`The kernel is ${join(LINUX, 'Image')}.`);
    return;
  }
  try {
    writeFileSync(values.initrd, values.busybox ? busyboxInitrd() : initInitrd());
  } catch (error) {
    usage(`${values.initrd} cannot be written: ${error.code ?? error.message}.`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
