import { type Case, records, slotWords } from './generate.js';
import { entryCode, harnessCode, translationTables, vectorCode } from './harness.js';
import {
  HARNESS,
  HEADER,
  Header,
  IMAGE_BASE,
  PATTERN,
  RECORDS,
  SCRATCH_SIZE,
  SLOTS,
  TRANSLATION_TABLES,
  VECTORS,
} from './layout.js';
import { Random } from './random.js';

export interface RunOptions {
  readonly mmu?: boolean;
  /** Print this case alone, in full, after all the others before it. */
  readonly full?: number;
  /** Falsify the result of this case. */
  readonly falsify?: number;
}

/** A raw program that runs these cases and prints a hash of each. Loads at 0x40080000, EL1, MMU off. */
export function buildImage(cases: readonly Case[], options: RunOptions = {}): Uint8Array {
  const slots = slotWords(cases);
  const inputs = records(cases);
  if (SLOTS + slots.byteLength > RECORDS) throw new Error(`${cases.length} cases do not fit before the records`);
  const image = new Uint8Array(RECORDS - IMAGE_BASE + inputs.byteLength);
  const place = (address: number, part: Uint32Array | BigUint64Array | Uint8Array): void => {
    image.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), address - IMAGE_BASE);
  };
  place(IMAGE_BASE, entryCode());
  place(VECTORS, vectorCode());
  place(HARNESS, harnessCode());
  place(TRANSLATION_TABLES, translationTables());
  place(PATTERN, pattern());
  place(SLOTS, slots);
  place(RECORDS, inputs);
  const header = new BigUint64Array(6);
  header[Header.Count] = BigInt(options.full === undefined ? cases.length : options.full + 1);
  header[Header.PrintFrom] = BigInt(options.full ?? 0);
  header[Header.Full] = options.full === undefined ? 0n : 1n;
  header[Header.Mmu] = options.mmu ? 1n : 0n;
  header[Header.Falsify] = BigInt.asUintN(64, BigInt(options.falsify ?? -1));
  place(HEADER, header);
  return image;
}

/** What the scratch memory holds before every case: bytes whose sign extension shows. */
function pattern(): Uint8Array {
  const random = new Random(0x5eed);
  return Uint8Array.from({ length: SCRATCH_SIZE }, () =>
    random.chance(4) ? random.pick([0, 0x7f, 0x80, 0xff]) : random.below(256),
  );
}
