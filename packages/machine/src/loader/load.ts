import { type BoardDescription, boardDeviceTree } from '../device-tree/board.js';
import { gunzip, InflateError, isGzip } from '../inflate.js';
import { RAM_BASE } from '../memory-map.js';
import { isElf, type LoadedImage, readElf, type Segment } from './elf.js';
import { isArm64Image, readArm64Image, readRaw, zbootPayload } from './image.js';
import { ImageError } from './image-error.js';

/** A program for the guest to run. */
export interface Program {
  /** ELF-64, arm64 `Image` (also gzip'd, also EFI zboot), or a bare binary. */
  kernel: Uint8Array;
  /** The kernel's file name, for messages. */
  name?: string;
  initrd?: Uint8Array;
  /** The kernel's command line. */
  append?: string;
}

/** Where everything of a program goes in RAM, and how the boot CPU starts. */
export interface Placement {
  segments: Segment[];
  /** Physical address of the first instruction. */
  entry: number;
  /** Physical address of the device tree, for X0. */
  deviceTree: number;
}

const PAGE = 0x1000;
const BLOCK = 0x20_0000;
/** QEMU places the initrd at half of RAM but not above 128 MiB, so that any kernel's decompression stays below it. */
const INITRD_CEILING = 0x800_0000;
/** Linux takes at most 2047 characters (COMMAND_LINE_SIZE 2048 on arm64). */
const LONGEST_COMMAND_LINE = 2047;

/** Reads the images and places them as QEMU's `virt` does; throws ImageError and has changed nothing if that cannot be. */
export function placeProgram(program: Program, board: Omit<BoardDescription, 'bootargs' | 'initrd'>): Placement {
  const what = program.name ?? 'the kernel';
  if (program.append !== undefined && program.append.length > LONGEST_COMMAND_LINE) {
    throw new ImageError(`the command line has ${program.append.length} characters; ${LONGEST_COMMAND_LINE} fit.`);
  }
  if (program.append?.includes('\0')) throw new ImageError('the command line has a NUL character in it.');
  if (program.initrd?.length === 0) throw new ImageError('the initrd is empty.');

  const ram = { start: RAM_BASE, end: RAM_BASE + board.memory };
  const { image, relocatable } = readKernel(program.kernel, what, board.memory);
  const kernel = checkSegments(image, what, ram);

  const initrdStart = align(Math.max(kernel.end, RAM_BASE + Math.min(board.memory / 2, INITRD_CEILING)), PAGE);
  const initrdSize = program.initrd?.length ?? 0;
  const segments = [...image.segments];
  const { vcpus, memory, gic, messageBasedSpis = null } = board;
  const description: BoardDescription = { vcpus, memory, gic, messageBasedSpis };
  if (program.append !== undefined) description.bootargs = program.append;
  if (program.initrd) {
    if (initrdStart + initrdSize > ram.end) {
      throw new ImageError(
        `the initrd of ${initrdSize} bytes does not fit: ${mebibytes(board.memory)} of memory leave it ` +
          `${Math.max(0, ram.end - initrdStart)} bytes from ${hex(initrdStart)}.`,
      );
    }
    description.initrd = { start: initrdStart, end: initrdStart + initrdSize };
    segments.push({ address: initrdStart, bytes: program.initrd, size: initrdSize });
  }

  const tree = boardDeviceTree(description);
  // A bare ELF program, for which nobody moves up, has the tree at the start of RAM if it leaves room there.
  const deviceTree =
    !relocatable && RAM_BASE + tree.length <= kernel.start ? RAM_BASE : align(initrdStart + initrdSize, BLOCK);
  if (deviceTree + tree.length > ram.end) {
    throw new ImageError(
      `${what} leaves no room for the device tree in ${mebibytes(board.memory)} of memory; give the machine more.`,
    );
  }
  segments.push({ address: deviceTree, bytes: tree, size: tree.length });
  return { segments, entry: image.entry, deviceTree };
}

/** `relocatable`: an Image or bare binary, for which the board chooses the place of everything. */
function readKernel(file: Uint8Array, what: string, memory: number): { image: LoadedImage; relocatable: boolean } {
  if (file.length === 0) throw new ImageError(`${what} is empty.`);
  const bytes = decompressed(file, what, memory);
  if (isElf(bytes)) return { image: readElf(bytes, what), relocatable: false };
  if (isArm64Image(bytes)) return { image: readArm64Image(bytes, what, RAM_BASE), relocatable: true };
  return { image: readRaw(bytes, RAM_BASE), relocatable: true };
}

function decompressed(file: Uint8Array, what: string, memory: number): Uint8Array {
  const zboot = zbootPayload(file, what);
  if (zboot && zboot.compression !== 'gzip') {
    throw new ImageError(`${what} is compressed with ${printable(zboot.compression)}; only gzip is understood.`);
  }
  const compressed = zboot?.payload ?? file;
  if (!zboot && !isGzip(compressed)) return file;
  try {
    const bytes = gunzip(compressed, memory);
    if (bytes.length === 0) throw new InflateError('it holds nothing');
    return bytes;
  } catch (error) {
    if (error instanceof InflateError) {
      throw new ImageError(`${what} is compressed and cannot be decompressed: ${error.message}.`);
    }
    throw error;
  }
}

/** The physical range of the segments, which must lie in RAM, apart from each other, and hold the entry point. */
function checkSegments(image: LoadedImage, what: string, ram: Range): Range {
  const sorted = image.segments.toSorted((a, b) => a.address - b.address);
  for (const [index, { address, size }] of sorted.entries()) {
    const end = address + size;
    if (address < ram.start || end > ram.end) {
      const fits = size <= ram.end - ram.start;
      throw new ImageError(
        `${what} wants ${hex(address)} to ${hex(end)}, outside the RAM of ${mebibytes(ram.end - ram.start)} at ` +
          `${hex(ram.start)}${fits ? '' : ': it is too big for the memory'}.`,
      );
    }
    if (index > 0 && sorted[index - 1].address + sorted[index - 1].size > address) {
      throw new ImageError(`${what} has segments that overlap at ${hex(address)}.`);
    }
  }
  const { entry } = image;
  if (entry % 4 !== 0) throw new ImageError(`${what} starts at ${hex(entry)}, which is no instruction's address.`);
  if (!sorted.some(({ address, size }) => entry >= address && entry < address + size)) {
    throw new ImageError(`${what} starts at ${hex(entry)}, where it has loaded nothing.`);
  }
  return { start: sorted[0].address, end: sorted.at(-1)!.address + sorted.at(-1)!.size };
}

interface Range {
  start: number;
  end: number;
}

function align(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function mebibytes(bytes: number): string {
  return `${bytes / 2 ** 20} MiB`;
}

function printable(text: string): string {
  return /^[\x20-\x7e]+$/.test(text) ? text : 'something unknown';
}
