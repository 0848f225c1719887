import type { StateArray, StateVisitor } from '../checkpoint.js';
import { grown } from './bitmap.js';

/** What a plane has for each interrupt: its array, and how many interrupts are in an element, as a power of 2. */
export interface Kind<Elements extends StateArray> {
  readonly Elements: new (length: number) => Elements;
  readonly shift: number;
}

/** One bit: bit i % 32 of word i / 32. */
export const BIT: Kind<Uint32Array> = { Elements: Uint32Array, shift: 5 };
export const UINT8: Kind<Uint8Array> = { Elements: Uint8Array, shift: 0 };
export const INT16: Kind<Int16Array> = { Elements: Int16Array, shift: 0 };
export const UINT16: Kind<Uint16Array> = { Elements: Uint16Array, shift: 0 };
export const INT32: Kind<Int32Array> = { Elements: Int32Array, shift: 0 };
export const UINT32: Kind<Uint32Array> = { Elements: Uint32Array, shift: 0 };

/** A plane: one field of the state of every interrupt, in a typed array over the interrupt's index. */
export interface Plane {
  readonly kind: Kind<StateArray>;
  /**
   * Its value after reset, by the GIC's version, the vCPU that has the interrupt (0 for an SPI) and the INTID. Default 0. What
   * follows the SPIs resets as they do.
   */
  readonly reset?: (version: 2 | 3, vcpu: number, intid: number) => number;
  /** LPIs have it too, with this value as long as nothing has changed it. Undefined: they have it not. */
  readonly lpi?: number;
}

export type PlaneTable = Readonly<Record<string, Plane>>;

/** The arrays of a table's planes, by their names. */
export type PlaneArrays<Table extends PlaneTable> = {
  -readonly [Name in keyof Table]: InstanceType<Table[Name]['kind']['Elements']>;
};

/** Which interrupts there are: private ones of each vCPU, 32 each, the shared ones, extended ranges, then LPIs as they come. */
export interface PlaneShape {
  readonly version: 2 | 3;
  readonly vcpus: number;
  /** How many interrupts there are without the LPIs. */
  readonly fixed: number;
}

export interface PlaneMethods {
  /** Makes room for LPIs: `interrupts` is one more than the last index. */
  growPlanes(interrupts: number): void;
  /** Elements of interrupts from the index `from` to `to - 1`, both multiples of 32. */
  visitFixed(state: StateVisitor, to: number): void;
  visitLpis(state: StateVisitor, from: number, to: number): void;
  /** LPIs are as before they came. */
  resetLpis(from: number, to: number): void;
  /** One LPI. */
  visitLpi(state: StateVisitor, i: number): void;
}

const PRIVATE_SHIFT = 5;

function arraysOf(planes: object): Record<string, StateArray> {
  return planes as Record<string, StateArray>;
}

function fillValue(plane: Plane, value: number): number {
  return plane.kind.shift === 0 ? value : -value;
}

/**
 * A class that has the arrays of a table as its properties. They are made in the order of the table, first of all, so that V8
 * has them at fixed places within the object: `this.latch[w]` costs what it costs of a property that is written out.
 */
export function planesOf<Table extends PlaneTable>(
  table: Table,
): new (
  shape: PlaneShape,
) => PlaneArrays<Table> & PlaneMethods {
  const names = Object.keys(table);
  const planes = Object.values(table);
  const lpiNames = names.filter((name) => table[name].lpi !== undefined);

  class Planes implements PlaneMethods {
    constructor({ version, vcpus, fixed }: PlaneShape) {
      const arrays = arraysOf(this);
      for (const [n, name] of names.entries()) {
        const { kind, reset } = planes[n];
        const array = new kind.Elements(fixed >>> kind.shift);
        arrays[name] = array;
        if (reset === undefined) continue;
        const privates = vcpus << PRIVATE_SHIFT;
        for (let i = 0; i < fixed; i++) {
          const isPrivate = i < privates;
          const value = reset(version, isPrivate ? i >>> PRIVATE_SHIFT : 0, isPrivate ? i & 31 : i - privates + 32);
          if (kind.shift === 0) array[i] = value;
          else array[i >>> 5] |= value << (i & 31);
        }
      }
    }

    growPlanes(interrupts: number): void {
      for (const name of lpiNames) {
        const plane = table[name];
        const before = arraysOf(this)[name];
        const array = grown(before, interrupts >>> plane.kind.shift);
        array.fill(fillValue(plane, plane.lpi ?? 0), before.length);
        arraysOf(this)[name] = array;
      }
    }

    visitFixed(state: StateVisitor, to: number): void {
      for (let n = 0; n < names.length; n++) state.array(arraysOf(this)[names[n]], 0, to >>> planes[n].kind.shift);
    }

    visitLpis(state: StateVisitor, from: number, to: number): void {
      for (const name of lpiNames) {
        const { shift } = table[name].kind;
        state.array(arraysOf(this)[name], from >>> shift, to >>> shift);
      }
    }

    resetLpis(from: number, to: number): void {
      for (const name of lpiNames) {
        const plane = table[name];
        const { shift } = plane.kind;
        arraysOf(this)[name].fill(fillValue(plane, plane.lpi ?? 0), from >>> shift, to >>> shift);
      }
    }

    visitLpi(state: StateVisitor, i: number): void {
      for (const name of lpiNames) {
        const array = arraysOf(this)[name];
        state.number(table[name].kind.shift === 0 ? array[i] : (array[i >>> 5] >>> (i & 31)) & 1);
      }
    }
  }
  return Planes as unknown as new (
    shape: PlaneShape,
  ) => PlaneArrays<Table> & PlaneMethods;
}
