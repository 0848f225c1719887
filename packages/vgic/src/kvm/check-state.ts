import { GicError } from '../errors.js';
import type { Gic } from '../gic.js';
import { areRamPages } from '../memory/page-overlay.js';
import { isDetachedLpi } from './detached-lpis.js';
import { type GicState, ITS_REGISTER_ORDER, type SavedGic } from './gic-state.js';
import { isItsMappings } from './its-mappings.js';
import { isRegisterGroup } from './register-access.js';

/**
 * Whether something from outside has the shape and the sizes of a state of this GIC. Nothing of it is used before, and
 * nothing of it is converted: it may hold anything that JSON or a caller can make.
 */

type Check = (value: unknown) => boolean;

const HEXADECIMAL = /^0x[0-9a-f]{1,16}$/;
const LARGEST_SHOWN = 40;

export function isWord(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff;
}

function isHexadecimal(value: unknown): boolean {
  return typeof value === 'string' && HEXADECIMAL.test(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function arrayOf(check: Check, most: number, least = 0): Check {
  return (value) => Array.isArray(value) && value.length >= least && value.length <= most && value.every(check);
}

/** What a sentence may show of a value: never more than a few characters, never a conversion. */
function show(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value).slice(0, LARGEST_SHOWN);
  return value === null ? 'null' : typeof value;
}

/** Each part of a state and what it has to be. A state has no more register records than a GIC has registers. */
function partsOf(gic: Gic): readonly (readonly [name: keyof GicState, check: Check])[] {
  const { irqs, its } = gic;
  const isRegister: Check = (value) => isObject(value) && isHexadecimal(value.attr) && isHexadecimal(value.value);
  const isRecord: Check = (value) =>
    isRegister(value) && isRegisterGroup(irqs.version, (value as { group: unknown }).group as number);
  const mostRecords = 64 * (irqs.vcpus + irqs.count);
  const mostInterrupts = irqs.lpiBase + (its.length > 0 ? 2 ** gic.lpis.intidBits : 0);
  const isSource: Check = (value) => arrayOf(isWord, 2, 2)(value) && isSgiSource(gic, value as [number, number]);
  return [
    ['records', arrayOf(isRecord, mostRecords)],
    [
      'its',
      arrayOf(
        (each) =>
          isObject(each) &&
          arrayOf(isRegister, ITS_REGISTER_ORDER.length)(each.registers) &&
          (each.mappings === null || isItsMappings(gic, each.mappings)),
        its.length,
        its.length,
      ),
    ],
    ['activeLpis', arrayOf(isWord, mostInterrupts)],
    ['detachedLpis', arrayOf((lpi) => its.length > 0 && isDetachedLpi(gic, lpi), mostInterrupts)],
    ['queues', arrayOf(arrayOf(isWord, mostInterrupts), irqs.vcpus, irqs.vcpus)],
    ['lines', arrayOf(isWord, irqs.sharedEnd >>> 5, irqs.sharedEnd >>> 5)],
    ['activeSources', arrayOf(isSource, irqs.sharedBase)],
    ['vsgis', (value) => value === undefined || typeof value === 'boolean'],
    ['activePriorities', arrayOf(arrayOf(isWord, 8, 8), irqs.vcpus, irqs.vcpus)],
  ];
}

function isSgiSource(gic: Gic, [i, source]: [number, number]): boolean {
  return i < gic.irqs.sharedBase && gic.irqs.isSgi(i) && source < 8;
}

/** @throws GicError EINVAL with a sentence if a state and its pages are none of this GIC's. */
export function checkState(gic: Gic, saved: Partial<SavedGic>): asserts saved is SavedGic {
  const { irqs } = gic;
  const refuse = (sentence: string): never => {
    throw new GicError('EINVAL', sentence);
  };
  const state: unknown = saved.state;
  const pages: unknown = saved.pages;
  if (!isObject(state)) return refuse(`The GIC state is no object but ${show(state)}.`);
  if (state.version !== 1) refuse(`The GIC state has version ${show(state.version)}; this can restore version 1.`);
  const config = isObject(state.config) ? state.config : {};
  if (config.version !== irqs.version || config.vcpus !== irqs.vcpus || config.interrupts !== irqs.count) {
    refuse(
      `The GIC state is of a GICv${show(config.version)} with ${show(config.vcpus)} vCPUs and ` +
        `${show(config.interrupts)} interrupts; this one is a GICv${irqs.version} with ${irqs.vcpus} vCPUs and ` +
        `${irqs.count} interrupts.`,
    );
  }
  for (const [name, check] of partsOf(gic)) {
    if (!check(state[name]))
      refuse(`The part "${name}" of the GIC state is missing, or is none of a GIC like this one.`);
  }
  if (!areRamPages(pages, gic.lpis.memory?.size ?? 0)) {
    return refuse("The pages that come with the GIC state are none of the guest's RAM.");
  }
  if (pages.pages.length !== state.pages) {
    refuse(`The GIC state comes with ${show(state.pages)} pages of tables, and ${pages.pages.length} are given.`);
  }
}
