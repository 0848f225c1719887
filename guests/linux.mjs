// Debian's arm64 kernel as scripts/linux-guest.mjs has put it into .cache/linux, and initial RAM disks for it.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cpio } from './cpio.mjs';
import { emulator } from './qemu.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
export const LINUX = join(here, '..', '.cache', 'linux');

/** The drivers that the board's devices need, in the order of loading; what a kernel has built in is left out of the disk. */
export const modules = [
  'virtio_ring',
  'virtio',
  'virtio_pci_legacy_dev',
  'virtio_pci_modern_dev',
  'virtio_pci',
  'failover',
  'net_failover',
  'virtio_net',
  'virtio_blk',
  'virtio_console',
  'virtio-rng',
];

/** The words after a suite's name when there is no kernel; empty when there is one. */
export function linuxMissing() {
  return existsSync(join(LINUX, 'stamp')) ? '' : ' (skipped: no kernel; enable with: node scripts/linux-guest.mjs)';
}

export const kernelFile = join(LINUX, 'Image');

/** The command line for the init program: the kernel neither tests its crypto nor says more than errors. */
export function commandLine(tests, more = '') {
  return `console=ttyAMA0 nokaslr cryptomgr.notests quiet vgic.test=${tests}${more && ` ${more}`}`;
}

function common() {
  return [
    ...['dev', 'proc', 'sys', 'modules'].map((path) => ({ path, directory: true })),
    { path: 'dev/console', device: [5, 1] },
    { path: 'dev/null', device: [1, 3], mode: 0o666 },
    ...moduleEntries(),
  ];
}

function moduleEntries() {
  const there = modules.filter((name) => existsSync(join(LINUX, 'modules', `${name}.ko`)));
  return [
    { path: 'modules/order', file: `${there.join('\n')}\n` },
    ...there.map((name) => ({ path: `modules/${name}.ko`, file: readFileSync(join(LINUX, 'modules', `${name}.ko`)) })),
  ];
}

/** An initial RAM disk with guests/linux-init as its init. */
export function initInitrd() {
  return cpio([...common(), { path: 'init', file: readFileSync(join(here, 'linux-init', 'init.elf')), mode: 0o755 }]);
}

/** What busybox does under its own names; the shell finds the others as `busybox NAME` and by itself. */
const APPLETS =
  'sh ash cat chmod clear cp cut date dd df dmesg du echo env false find free grep gunzip gzip halt head hexdump hostname ifconfig init insmod ip kill ln ls lsmod md5sum mkdir mknod more mount mv nc nproc ping poweroff ps pwd reboot rm rmdir rmmod route sed seq sha256sum sleep sort stat stty sync tail tar taskset tee telnet test time timeout top touch tr true tty udhcpc umount uname uptime vi watch wc wget which xargs yes zcat'.split(
    ' ',
  );

const SHELL_INIT = `#!/bin/sh
export PATH=/bin HOME=/root PS1='\\u:\\w \\$ '
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /tmp /root
mount -t devpts devpts /dev/pts
while read -r module; do insmod /modules/$module.ko; done < /modules/order
if [ -e /sys/class/net/eth0 ]; then
  ip link set lo up
  ip addr add 10.0.2.15/24 dev eth0
  ip link set eth0 up
  ip route add default via 10.0.2.2
fi
echo "Linux $(uname -r) on $(nproc) CPUs. 'poweroff -f' ends it."
cd /root
while :; do setsid cttyhack sh -l; done
`;

/** An initial RAM disk with busybox, whose init is a script that ends in a shell on the console. */
export function busyboxInitrd() {
  return cpio([
    ...common(),
    { path: 'bin', directory: true },
    { path: 'bin/busybox', file: readFileSync(join(LINUX, 'busybox')), mode: 0o755 },
    ...[...APPLETS, 'setsid', 'cttyhack'].map((name) => ({ path: `bin/${name}`, link: 'busybox' })),
    { path: 'init', file: SHELL_INIT, mode: 0o755 },
  ]);
}

/** The devices of a machine in QEMU: a card on its user network, a disk of 4 MiB, a random number generator. */
function devices(folder) {
  const disk = join(folder, 'disk');
  writeFileSync(disk, '');
  truncateSync(disk, 4 << 20);
  return [
    ...['-netdev', 'user,id=network', '-device', 'virtio-net-pci,netdev=network,romfile='],
    ...['-drive', `if=none,id=disk,format=raw,file=${disk}`, '-device', 'virtio-blk-pci,drive=disk'],
    ...['-device', 'virtio-rng-pci'],
  ];
}

/**
 * What Linux prints in QEMU until it turns the machine off, with lines ended by a line feed alone. `gic` is 2 (with its
 * GICv2m) or 3 (with an ITS). Rejects when that takes more than `seconds` of wall clock, or when QEMU is missing.
 */
export async function runLinuxInQemu(append, { vcpus = 2, gic = 3, initrd = initInitrd(), seconds = 60 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'linux-guest-'));
  try {
    const initrdFile = join(folder, 'initrd');
    writeFileSync(initrdFile, initrd);
    const machine = `-M virt,gic-version=${gic} -cpu cortex-a57 -m 192 -accel tcg -nographic -monitor none -serial stdio`;
    const words = [...machine.split(' '), '-smp', String(vcpus), ...devices(folder)];
    words.push('-kernel', kernelFile, '-initrd', initrdFile, '-append', append);
    const running = promisify(execFile)(emulator, words, { timeout: seconds * 1000, killSignal: 'SIGKILL' });
    running.child.stdin.end();
    return (await running).stdout.replaceAll('\r\n', '\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
}
