import { InvalidArgumentError } from 'commander';
import { kvmNamed } from 'vgic';
import { didYouMean } from './suggestion.js';

/** Nanoseconds of virtual time in each unit of a duration. */
const UNITS: Record<string, number> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };

/** `500ms`, `2s`, `1500us`, `1.5s`: nanoseconds of virtual time. */
export function parseTime(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ns|us|ms|s)$/.exec(text);
  const time = match ? Math.round(Number(match[1]) * UNITS[match[2]]) : Number.NaN;
  if (!Number.isSafeInteger(time)) throw new InvalidArgumentError('It is no time; write 500ms, 2s or 1500us.');
  return time;
}

/** A parser of whole numbers from `least` to `most`. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) throw new InvalidArgumentError(`Possible is ${least} to ${most}.`);
    return value;
  };
}

const MEMORY_UNITS: Record<string, number> = { '': 1, M: 1, G: 1024 };
const MOST_MEMORY = 3072;

/** `512`, `512M` or `1G`, as QEMU takes it: MiB. */
export function parseMemory(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([MG]?)$/.exec(text.toUpperCase());
  const size = match ? Number(match[1]) * MEMORY_UNITS[match[2]] : Number.NaN;
  if (!Number.isInteger(size)) throw new InvalidArgumentError('It is no size; write 512, 512M or 1G.');
  if (size < 2 || size > MOST_MEMORY)
    throw new InvalidArgumentError(`Possible is 2 to ${MOST_MEMORY} MiB, that is 3G.`);
  return size;
}

/** A parser of one of a few words. */
export function oneOf<Word extends string>(words: readonly Word[]): (text: string) => Word {
  return (text) => {
    if ((words as readonly string[]).includes(text)) return text as Word;
    throw new InvalidArgumentError(`Possible are ${words.join(', ')}.${didYouMean(text, words)}`);
  };
}

const GICV4 = new Map([
  ['4.0', 40],
  ['4.1', 41],
  ['none', 0],
] as const);

/** The host's GICv4, as a machine has it. */
export function gicv4Version(text: string): 0 | 40 | 41 {
  const version = GICV4.get(text as '4.0');
  if (version === undefined) throw new InvalidArgumentError('Possible is 4.0, 4.1 or none.');
  return version;
}

/** `128:64`: the first of so many INTIDs. Which there may be the machine says. */
export function intidRange(text: string): { first: number; count: number } {
  const match = /^(\d+):(\d+)$/.exec(text);
  if (match === null) throw new InvalidArgumentError('Write FIRST:COUNT, as in 128:64.');
  return { first: Number(match[1]), count: Number(match[2]) };
}

export const KVM_OPTION = 'do as the KVM of Linux 6.12 does, where it is not as the architecture says';

/** The name of a KVM that a GIC follows, as {@link kvmNamed} has it. */
export function kvmVersion(text: string): string {
  try {
    kvmNamed(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** Text with at least one character. */
export function nonEmpty(text: string): string {
  if (text === '') throw new InvalidArgumentError('It is empty.');
  return text;
}

/** A size for people, in KiB or MiB. */
export function formatSize(bytes: number): string {
  return bytes < 2 ** 20 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** A virtual time for people: at most three digits after the point, in the largest unit that fits. */
export function formatTime(nanoseconds: number): string {
  const [unit, size] = Object.entries(UNITS).findLast(([, size]) => nanoseconds >= size) ?? ['ns', 1];
  return `${Number((nanoseconds / size).toFixed(3))} ${unit}`;
}
