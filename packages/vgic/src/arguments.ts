import { GicError } from './errors.js';

/** Checks of what a caller hands over. Each throws a GicError EINVAL that names the argument, says what it may be, and what it is. */

const LARGEST_SHOWN = 40;

/** What a sentence may show of a value: never more than a few characters, never a conversion that a caller could write. */
export function show(value: unknown): string {
  if (typeof value === 'bigint') return `the bigint ${value}n`.slice(0, LARGEST_SHOWN);
  if (typeof value === 'string') return JSON.stringify(value.slice(0, LARGEST_SHOWN));
  if (typeof value === 'object') return value === null ? 'null' : 'an object';
  if (typeof value === 'function') return 'a function';
  return String(value).slice(0, LARGEST_SHOWN);
}

/** @throws GicError EINVAL: `name: sentence, not value.` */
export function refuse(name: string, allowed: string, value: unknown): never {
  throw new GicError('EINVAL', `${name}: ${allowed}, not ${show(value)}.`);
}

/** Whether a value is a whole number from `least` to `most`. A bigint is none. */
export function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}

/** A whole number from `least` to `most`. */
export function checkWhole(name: string, value: unknown, least: number, most: number): void {
  if (!isWhole(value, least, most)) refuse(name, `a whole number from ${least} to ${most}`, value);
}

/** One of a few values. */
export function checkOneOf(name: string, value: unknown, allowed: readonly unknown[]): void {
  if (!allowed.includes(value)) refuse(name, allowed.map(show).join(' or '), value);
}

/** true or false. */
export function checkBoolean(name: string, value: unknown): void {
  if (typeof value !== 'boolean') refuse(name, 'true or false', value);
}

/** A guest-physical address at which something of `size` bytes may begin: a multiple of `alignment`, within 52 bits. */
export function checkBase(name: string, value: unknown, alignment: number, size: number): void {
  if (!isWhole(value, 0, 2 ** 52 - size) || value % alignment !== 0) {
    refuse(
      name,
      `an address, a multiple of 0x${alignment.toString(16)} with 0x${size.toString(16)} bytes within 52 bits`,
      value,
    );
  }
}

/** Whether a value is a whole number from 0 to below `limit`, at most 2^31: what the ways of an interrupt can afford to ask. */
export function isIndex(value: unknown, limit: number): value is number {
  return typeof value === 'number' && value >>> 0 === value && value < limit;
}

/** A value of 32 bits, with sign or without: a half of a register, an EventID, a DeviceID. */
export function checkHalf(name: string, value: unknown): void {
  if (typeof value !== 'number' || ((value | 0) !== value && value >>> 0 !== value)) refuseHalf(name, value);
}

/** Both halves of what a guest writes. */
export function checkHalves(low: unknown, high: unknown): void {
  checkHalf('low', low);
  // nearly always 0
  if (high !== 0) checkHalf('high', high);
}

/** Apart, as all that refuses: V8 makes what is short part of its caller, and each access comes here. */
function refuseHalf(name: string, value: unknown): never {
  refuse(name, 'a whole number of 32 bits', value);
}

/** A load or store of 1, 2, 4 or 8 bytes at an address. */
export function checkAccess(address: unknown, size: unknown): void {
  if (typeof address !== 'number' || !(address >= 0) || size !== 4) checkRareAccess(address, size);
}

function checkRareAccess(address: unknown, size: unknown): void {
  if (typeof address !== 'number' || !(address >= 0)) refuse('address', 'a number of at least 0', address);
  if (size !== 4 && size !== 8 && size !== 1 && size !== 2) refuse('size', '1, 2, 4 or 8', size);
}
