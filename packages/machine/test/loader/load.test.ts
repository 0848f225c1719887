import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ImageError } from '../../src/loader/image-error.js';
import { type Placement, type Program, placeProgram } from '../../src/loader/load.js';
import { cellsOf, findNode, readTree, stringsOf } from '../device-tree/tree-reader.js';
import { type ElfFields, writeElf, writeImage } from './elf-writer.js';

const MIB = 1 << 20;
const RAM = 0x4000_0000;
const board = { vcpus: 2, memory: 128 * MIB, gic: 3 } as const;
const place = (program: Program, memory: number = board.memory) => placeProgram(program, { ...board, memory });
const code = (length: number) => new Uint8Array(length).fill(0x1f);
const treeOf = (placement: Placement) =>
  readTree(placement.segments.find(({ address }) => address === placement.deviceTree)!.bytes);

/** The message of the ImageError that loading throws. */
function refusal(program: Program, memory?: number): string {
  try {
    place(program, memory);
  } catch (error) {
    expect(error).toBeInstanceOf(ImageError);
    const { message } = error as Error;
    expect(message).toMatch(/^[^\n]+\.$/);
    return message;
  }
  throw new Error('nothing was refused');
}

describe('an ELF program', () => {
  it('goes where its physical addresses say, starts at its entry, and has the device tree before it', () => {
    const kernel = writeElf(0x4008_0010, [
      { address: 0x4008_0000, bytes: code(64) },
      { address: 0x4010_0000, bytes: code(4), memorySize: 4096 },
    ]);
    const { segments, entry, deviceTree } = place({ kernel });
    expect(entry).toBe(0x4008_0010);
    expect(segments.map(({ address, size }) => [address, size]).slice(0, 2)).toEqual([
      [0x4008_0000, 64],
      [0x4010_0000, 4096],
    ]);
    expect(deviceTree).toBe(RAM);
  });

  it('that is linked at other virtual addresses starts at the physical address of its entry', () => {
    const virtual = 0xffff_8000_8000_0000n;
    const kernel = writeElf(virtual + 0x104n, [{ address: 0x4020_0000, virtual, bytes: code(0x200) }]);
    expect(place({ kernel }).entry).toBe(0x4020_0104);
  });

  it('at the start of RAM has the device tree elsewhere, and X0 still points to it', () => {
    const kernel = writeElf(RAM, [{ address: RAM, bytes: code(64) }]);
    const placement = place({ kernel });
    expect(placement.deviceTree).toBe(RAM + 64 * MIB);
    expect(findNode(treeOf(placement), '/psci')).toBeDefined();
  });

  it.each<[ElfFields, RegExp]>([
    [{ class: 1 }, /not a 64-bit one/],
    [{ data: 2 }, /big-endian/],
    [{ machine: 62 }, /for machine 62, not for AArch64/],
    [{ type: 1 }, /not an executable/],
    [{ programHeaderSize: 32 }, /program headers of 32 bytes/],
    [{ programHeaderCount: 5000 }, /truncated: its program headers/],
  ])('is refused when its header is wrong: %j', (fields, message) => {
    expect(refusal({ kernel: writeElf(RAM, [{ address: RAM, bytes: code(64) }], fields), name: 'a.elf' })).toMatch(
      message,
    );
  });

  it('is refused when it is truncated, at any length', () => {
    const kernel = writeElf(0x4008_0000, [{ address: 0x4008_0000, bytes: code(200) }]);
    for (let length = 4; length < kernel.length; length++) {
      expect(refusal({ kernel: kernel.subarray(0, length), name: 'a.elf' })).toMatch(/^a\.elf is truncated/);
    }
  });

  it('is refused when its segments overlap, lie outside RAM, are too big or are none', () => {
    const one = { address: 0x4008_0000, bytes: code(64) };
    expect(refusal({ kernel: writeElf(0x4008_0000, [one, { address: 0x4008_0020, bytes: code(4) }]) })).toMatch(
      /overlap at 0x40080020/,
    );
    expect(refusal({ kernel: writeElf(0, [{ address: 0, bytes: code(64) }]) })).toMatch(
      /outside the RAM of 128 MiB at 0x40000000/,
    );
    expect(refusal({ kernel: writeElf(RAM, [{ address: RAM, bytes: code(4), memorySize: 129 * MIB }]) })).toMatch(
      /too big/,
    );
    expect(refusal({ kernel: writeElf(RAM, [{ ...one, type: 4 }]) })).toMatch(/nothing to load/);
    expect(refusal({ kernel: writeElf(RAM, [{ ...one, memorySize: 8 }]) })).toMatch(
      /more bytes in the file than in memory/,
    );
  });

  it('is refused when it starts where nothing is loaded or at no instruction', () => {
    const segment = { address: 0x4008_0000, bytes: code(64) };
    expect(refusal({ kernel: writeElf(0x5000_0000, [segment]) })).toMatch(
      /starts at 0x50000000, where it has loaded nothing/,
    );
    expect(refusal({ kernel: writeElf(0x4008_0002, [segment]) })).toMatch(/no instruction's address/);
  });
});

describe('an arm64 Image', () => {
  it('goes to its text offset, and up by 2 MiB when that is the very start of RAM, as in QEMU', () => {
    expect(place({ kernel: writeImage(4096, { textOffset: 0x8_0000 }) }).entry).toBe(0x4008_0000);
    expect(place({ kernel: writeImage(4096) }).entry).toBe(0x4020_0000);
  });

  it('that does not tell its size goes where old kernels go', () => {
    expect(place({ kernel: writeImage(4096, { imageSize: 0, textOffset: 0x30_0000 }) }).entry).toBe(0x4008_0000);
  });

  it('has the initrd at half of RAM, at most 128 MiB up, and the device tree in the next 2 MiB after it', () => {
    const initrd = new Uint8Array(3 * MIB + 5).fill(7);
    const placement = place({ kernel: writeImage(4096), initrd, append: 'console=ttyAMA0' });
    expect(placement.segments[1]).toMatchObject({ address: RAM + 64 * MIB, size: initrd.length });
    expect(placement.deviceTree).toBe(RAM + 68 * MIB);
    const chosen = findNode(treeOf(placement), '/chosen')!;
    expect(cellsOf(chosen, 'linux,initrd-start')).toEqual([0, RAM + 64 * MIB]);
    expect(cellsOf(chosen, 'linux,initrd-end')).toEqual([0, RAM + 64 * MIB + initrd.length]);
    expect(stringsOf(chosen, 'bootargs')).toEqual(['console=ttyAMA0']);
    const large = place({ kernel: writeImage(4096), initrd }, 1024 * MIB);
    expect(large.segments[1].address).toBe(RAM + 128 * MIB);
  });

  it('that is larger than half of RAM pushes the initrd up', () => {
    const kernel = writeImage(4096, { imageSize: 90 * MIB });
    expect(place({ kernel, initrd: code(5) }).segments[1].address).toBe(RAM + 92 * MIB);
  });

  it('may be compressed by gzip', () => {
    const kernel = writeImage(100_000);
    const placement = place({ kernel: gzipSync(kernel) });
    expect(placement.entry).toBe(0x4020_0000);
    expect(placement.segments[0].bytes).toEqual(kernel);
  });

  it('may come as EFI zboot, and is refused by name when that is compressed otherwise', () => {
    const kernel = writeImage(10_000);
    const zboot = (compression: string) => {
      const payload = gzipSync(kernel);
      const file = new Uint8Array(128 + payload.length);
      file.set(new TextEncoder().encode('MZ\0\0zimg'));
      new DataView(file.buffer).setUint32(8, 128, true);
      new DataView(file.buffer).setUint32(12, payload.length, true);
      file.set(new TextEncoder().encode(compression), 24);
      file.set(payload, 128);
      return file;
    };
    expect(place({ kernel: zboot('gzip') }).segments[0].bytes).toEqual(kernel);
    expect(refusal({ kernel: zboot('zstd22') })).toMatch(/compressed with zstd22; only gzip/);
    expect(refusal({ kernel: zboot('gzip').subarray(0, 130) })).toMatch(/truncated/);
  });

  it('is refused when it is big-endian or has larger pages than the core', () => {
    expect(refusal({ kernel: writeImage(4096, { flags: 3 }) })).toMatch(/big-endian/);
    expect(refusal({ kernel: writeImage(4096, { flags: 6 }) })).toMatch(/64 KiB pages/);
  });

  it('is refused when compressed and truncated, or a bomb', () => {
    const compressed = gzipSync(writeImage(100_000));
    expect(refusal({ kernel: compressed.subarray(0, 100) })).toMatch(/ends in the middle/);
    expect(refusal({ kernel: gzipSync(new Uint8Array(5 * MIB)) }, 4 * MIB)).toMatch(/larger than 4194304 bytes/);
  });
});

describe('a bare binary', () => {
  it('goes to 0x40080000 and starts at its first byte', () => {
    const { segments, entry } = place({ kernel: code(17) });
    expect([entry, segments[0].address, segments[0].size]).toEqual([0x4008_0000, 0x4008_0000, 17]);
  });
});

describe('what does not fit', () => {
  it('is refused with its sentence', () => {
    const kernel = code(64);
    expect(refusal({ kernel: new Uint8Array(), name: 'k' })).toBe('k is empty.');
    expect(refusal({ kernel, initrd: new Uint8Array() })).toBe('the initrd is empty.');
    expect(refusal({ kernel, initrd: code(3 * MIB) }, 4 * MIB)).toMatch(/initrd of 3145728 bytes does not fit: 4 MiB/);
    expect(refusal({ kernel, initrd: code(2 * MIB) }, 4 * MIB)).toMatch(/no room for the device tree/);
    expect(refusal({ kernel: code(5 * MIB) }, 4 * MIB)).toMatch(/too big for the memory/);
    expect(refusal({ kernel, append: 'x'.repeat(3000) })).toMatch(/command line has 3000 characters/);
    expect(refusal({ kernel, append: 'a\0b' })).toMatch(/NUL/);
  });

  it('is never anything but an ImageError, whatever the file holds', () => {
    const elf = writeElf(0x4008_0000, [{ address: 0x4008_0000, bytes: code(32) }]);
    const image = writeImage(128);
    const gzip = gzipSync(writeImage(500));
    fc.assert(
      fc.property(
        fc.constantFrom(elf, image, gzip),
        fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        (file, changes) => {
          const kernel = file.slice();
          for (const [at, value] of changes) kernel[at % kernel.length] = value;
          try {
            const { segments, entry } = place({ kernel });
            for (const { address, bytes, size } of segments) {
              expect(address >= RAM && address + size <= RAM + board.memory && bytes.length <= size).toBe(true);
            }
            expect(segments.some(({ address, size }) => entry >= address && entry < address + size)).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(ImageError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
