// The Debian packages that some suites and the benchmarks need, beyond Node: which are missing, and their installation.
//
//   node scripts/debian-packages.mjs           installs what is missing, where it may
//   node scripts/debian-packages.mjs --list    says what there is and what is missing, and changes nothing
//
// VGIC_NO_APT=1 keeps it from installing. With CI=true a package that stays missing is an error.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * A package, how to see that it is there (one command, or the beginning of a file's path), and who needs it.
 * @typedef {{ package: string, command?: string, file?: string, reason: string, suites: string[] }} DebianPackage
 */

/** @type {DebianPackage[]} */
export const packages = [
  {
    package: 'gcc-aarch64-linux-gnu',
    command: 'aarch64-linux-gnu-gcc',
    reason: 'builds the guests, to compare the bytes with the committed images',
    suites: ['guests/test/images.test.ts', 'packages/machine/test/instructions'],
  },
  {
    package: 'qemu-system-arm',
    command: 'qemu-system-aarch64',
    reason: 'runs the guests and the instruction tests on the machine to compare with',
    suites: ['guests/test/interrupts-in-qemu.test.ts', 'packages/machine/test/instructions', 'bench'],
  },
  {
    package: 'linux-source-6.12',
    file: '/usr/src/linux-source-6.12',
    reason: "has KVM's own VGIC, built at test time for the differential tests",
    suites: ['conformance/test'],
  },
  {
    package: 'gcc',
    command: 'gcc',
    reason: "compiles KVM's own VGIC for this computer",
    suites: ['conformance/test'],
  },
  {
    package: 'libc6-dev',
    file: '/usr/include/stdio.h',
    reason: "has the C headers that KVM's own VGIC is compiled with",
    suites: ['conformance/test'],
  },
  {
    package: 'device-tree-compiler',
    command: 'dtc',
    reason: "checks the machine's device tree",
    suites: ['packages/machine/test/device-tree'],
  },
  {
    package: 'chromium',
    command: 'chromium',
    reason: 'opens pages that have the packages in them',
    suites: ['packaging/test/browser.test.ts', 'examples/test/terminal.test.ts'],
  },
];

/** Where a command is; undefined if it is nowhere in PATH. */
export function pathOf(command) {
  const candidates = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, command));
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function fileThere(beginning) {
  if (existsSync(beginning)) return true;
  const folder = dirname(beginning);
  return existsSync(folder) && readdirSync(folder).some((name) => join(folder, name).startsWith(`${beginning}.`));
}

/** Looks for the command or the file, not in the package database: that is quick, and other systems have them too. */
export function isThere({ command, file }) {
  return command ? pathOf(command) !== undefined : fileThere(file);
}

/** The words before apt-get with which it may install: none for root, sudo if it asks no password; undefined if it may not. */
function permission() {
  if (process.env.VGIC_NO_APT === '1' || !existsSync('/etc/debian_version') || !pathOf('apt-get')) return undefined;
  if (process.getuid?.() === 0) return [];
  return pathOf('sudo') && spawnSync('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n'] : undefined;
}

function aptGet(before, words) {
  const command = [...before, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...words];
  console.log(`$ ${command.join(' ')}`);
  return spawnSync(command[0], command.slice(1), { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
}

function install(missing) {
  const before = permission();
  if (!before) return;
  console.log(`Installing what some suites need: ${missing.map((one) => one.package).join(', ')}.`);
  const names = missing.map((one) => one.package);
  aptGet(before, ['update', '-qq']);
  // All together first; if one of them cannot be had, the others still can.
  const options = ['-o', 'DPkg::Lock::Timeout=120', 'install', '-y', '-qq', '--no-install-recommends'];
  if (!aptGet(before, [...options, ...names]) && names.length > 1) {
    for (const name of names) aptGet(before, [...options, name]);
  }
}

/** What stays out, and how to have it. */
function tell(missing) {
  for (const { package: name, reason, suites } of missing) {
    console.log(`Missing: ${name}, which ${reason}. Without it, tests are skipped in: ${suites.join(', ')}.`);
  }
  const names = missing.map((one) => one.package).join(' ');
  console.log(
    `To enable them, on Debian as root: apt-get update && apt-get install -y --no-install-recommends ${names}`,
  );
}

/**
 * Installs those of the packages that are missing, if it may, and says what it does and what stays missing.
 * @param {DebianPackage[]} wanted
 * @returns {DebianPackage[]} what is still missing; never anything but empty with CI=true, which throws instead
 */
export function ensure(wanted = packages) {
  let missing = wanted.filter((one) => !isThere(one));
  if (missing.length === 0) return missing;
  install(missing);
  missing = missing.filter((one) => !isThere(one));
  if (missing.length === 0) return missing;
  tell(missing);
  if (process.env.CI === 'true') {
    throw new Error(
      `No suite may be skipped in CI, and these are missing: ${missing.map((one) => one.package).join(', ')}.`,
    );
  }
  return missing;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--list')) {
    for (const one of packages)
      console.log(`${isThere(one) ? 'there  ' : 'missing'}  ${one.package.padEnd(22)} ${one.reason}`);
  } else {
    try {
      ensure();
    } catch (error) {
      console.error(error.message);
      process.exitCode = 1;
    }
  }
}
