import { SGI_COUNT } from '../architecture/intid.js';
import { isWhole, show } from '../arguments.js';
import { GicError } from '../errors.js';
import type { Gic } from '../gic.js';
import { areRamPages } from '../memory/page-overlay.js';
import { describe } from './describe.js';
import { isDetachedLpi } from './detached-lpis.js';
import {
  type GicDescription,
  type GicState,
  ITS_STEPS,
  type Room,
  type SavedGic,
  STATE_FORMAT,
  type Step,
  stepsOf,
} from './gic-state.js';
import { isItsMappings } from './its-mappings.js';
import { layoutOf, registersOf, roomCount } from './registers.js';

/**
 * Whether something from outside is the whole state of a GIC like this one. Nothing of it is used before, and nothing of it
 * is converted: it may hold anything that JSON or a caller can make. A refusal names the field and what is there.
 */

/** @throws GicError if the value of the field at `path` is none. */
type Check = (value: unknown, path: string) => void;

const HEXADECIMAL = /^0x[0-9a-f]{1,16}$/;
const LARGEST_WORD = 0xffffffff;

/** How a field is called in a sentence. */
export function pathOf(room: Room, n: number, name: string, at?: number): string {
  const place = room === 'distributor' ? room : `${room}[${n}]`;
  return at === undefined ? `${place}.${name}` : `${place}.${name}[${at}]`;
}

function refuse(path: string, allowed: string, value: unknown): never {
  const sentence = value === undefined ? `it is missing, and has to be ${allowed}` : `${allowed}, not ${show(value)}`;
  throw new GicError('EINVAL', `GIC state, ${path}: ${sentence}.`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isWord(value: unknown): value is number {
  return isWhole(value, 0, LARGEST_WORD);
}

const word: Check = (value, path) => {
  if (!isWord(value)) refuse(path, 'a number of 32 bits', value);
};

const doubleword: Check = (value, path) => {
  if (typeof value !== 'string' || !HEXADECIMAL.test(value))
    refuse(path, 'hexadecimal digits of 64 bits, "0x…"', value);
};

function whole(allowed: string, test: (value: unknown) => boolean): Check {
  return (value, path) => {
    if (!test(value)) refuse(path, allowed, value);
  };
}

/** A list of `least` to `most` values. */
function list(check: Check, most: number, least = most): Check {
  const allowed = least === most ? `a list of ${most}` : `a list of no more than ${most}`;
  return (value, path) => {
    if (!Array.isArray(value)) return refuse(path, allowed, value);
    if (value.length < least || value.length > most) return refuse(path, allowed, `a list of ${value.length}`);
    for (let n = 0; n < value.length; n++) check(value[n], `${path}[${n}]`);
  };
}

/** An object with these fields, and perhaps others. */
function object(fields: Readonly<Record<string, Check>>): Check {
  const entries = Object.entries(fields);
  return (value, path) => {
    if (!isObject(value)) return refuse(path, 'an object', value);
    for (const [name, check] of entries) check(Object.hasOwn(value, name) ? value[name] : undefined, `${path}.${name}`);
  };
}

/** A room's registers, with each value that they have on this GIC. */
function registers(gic: GicDescription, steps: readonly Step[], room: Room): Check {
  const fields: Record<string, Check> = {};
  for (const step of steps) {
    if (typeof step === 'string' || step.room !== room) continue;
    for (const name of registersOf(gic, step)) {
      const { width, offsets, isArray } = layoutOf(gic, room, name);
      const value = width === 64 ? doubleword : word;
      fields[name] = isArray ? list(value, offsets.length) : value;
    }
  }
  return object(fields);
}

/** The same as here: the first field that is not, in a sentence with both values. */
function same(here: unknown): Check {
  if (Array.isArray(here)) {
    const length = list(() => {}, here.length);
    return (value, path) => {
      length(value, path);
      for (const [n, each] of here.entries()) same(each)((value as unknown[])[n], `${path}[${n}]`);
    };
  }
  if (isObject(here)) return object(Object.fromEntries(Object.entries(here).map(([name, each]) => [name, same(each)])));
  return (value, path) => {
    if (value === undefined) refuse(path, show(here), value);
    if (value !== here) refuse(path, `this GIC has ${show(here)}`, value);
  };
}

/** All that a state of this GIC has, and in what form. */
function fieldsOf(gic: Gic): Record<Exclude<keyof GicState, 'format'>, Check> {
  const { irqs, its } = gic;
  const description = describe(gic);
  const steps = stepsOf(irqs.version);
  const room = (name: Room, check = registers(description, steps, name)) => list(check, roomCount(description, name));
  const mostInterrupts = irqs.lpiBase + (its.length > 0 ? 2 ** gic.lpis.intidBits : 0);
  const isSource = (value: unknown) => {
    if (!Array.isArray(value) || value.length !== 3) return false;
    const [vcpu, sgi, source] = value as unknown[];
    return isWhole(vcpu, 0, irqs.vcpus - 1) && isWhole(sgi, 0, SGI_COUNT - 1) && isWhole(source, 0, 7);
  };
  return {
    gic: same(description),
    distributor: registers(description, steps, 'distributor'),
    banked: room('banked'),
    redistributors: room('redistributors'),
    cpuInterfaces: room('cpuInterfaces'),
    its: room('its', registers(description, ITS_STEPS, 'its')),
    pages: word,
    lines: list(word, irqs.fixedEnd >>> 5),
    queues: list(list(word, mostInterrupts, 0), irqs.vcpus),
    activeSources: list(whole('[vCPU, SGI, sender]', isSource), irqs.version === 2 ? irqs.sharedBase : 0, 0),
    mappings: list(
      whole('null or the translations of an ITS', (value) => value === null || isItsMappings(gic, value)),
      its.length,
    ),
    activeLpis: list(word, mostInterrupts, 0),
    detachedLpis: list(
      whole('an LPI that this GIC can have', (lpi) => isDetachedLpi(gic, lpi)),
      its.length > 0 ? mostInterrupts : 0,
      0,
    ),
  };
}

/** @throws GicError EINVAL with a sentence if a state and its pages are not whole, or of another GIC than this one. */
export function checkSaved(gic: Gic, saved: Partial<SavedGic>): asserts saved is SavedGic {
  const state: unknown = saved.state;
  const pages: unknown = saved.pages;
  const refuseAll = (sentence: string): never => {
    throw new GicError('EINVAL', sentence);
  };
  if (!isObject(state)) return refuseAll(`The GIC state is no object but ${show(state)}.`);
  if (state.format !== STATE_FORMAT) {
    const found = state.version === 1 ? 'is in format 1, of an older vgic' : `is in format ${show(state.format)}`;
    refuseAll(`The GIC state ${found}; this one reads format ${STATE_FORMAT}.`);
  }
  for (const [name, check] of Object.entries(fieldsOf(gic)))
    check(Object.hasOwn(state, name) ? state[name] : undefined, name);
  if (!areRamPages(pages, gic.lpis.memory?.size ?? 0)) {
    return refuseAll("The pages that come with the GIC state are none of the guest's RAM.");
  }
  if (pages.pages.length !== state.pages) {
    refuseAll(`GIC state, pages: it comes with ${state.pages} pages of tables, and ${pages.pages.length} are given.`);
  }
}
