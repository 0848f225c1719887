import { hex, type Operation } from '../generator/protocol.js';
import type { Difference } from '../harness/pair.js';
import { Specification } from './specification.js';
import { operationOf, type Step, stepOf } from './steps.js';
import { type Subject, signalNames } from './subject.js';
import type { Machine } from './traffic/machine.js';
import { RAM_BYTES, Vgic } from './vgic.js';

/** Which GICs are compared on a machine: the first one's answers with those of the others. */
export interface Oracle {
  readonly name: string;
  /** `specification` is the one that says what is UNPREDICTABLE; it performs each step first, as one of those compared or not. */
  subjects(machine: Machine, specification: Specification): readonly Subject[];
}

/** RAM for guests with LPIs, used again by one machine after the other. */
const rams: Uint8Array[] = [];
export function ramOf(n: number): Uint8Array {
  rams[n] ??= new Uint8Array(RAM_BYTES);
  return rams[n];
}

/** Oracle 1: what a guest sees is what the architecture says. */
export const SPECIFICATION: Oracle = {
  name: 'specification',
  subjects: ({ guest, host }, specification) => [specification, new Vgic(guest, host, ramOf(0))],
};

const NUMBERS = [1, 2, 3, 4, 8, 16];

/** Oracle 2: the number of list registers is not visible. Each GIC moves to a host with another number than the others'. */
export const LIST_REGISTERS: Oracle = {
  name: 'list-registers',
  subjects: ({ guest, host }) =>
    NUMBERS.map((listRegisters, n) => {
      const movesTo = (asked: number): number => NUMBERS[(n + asked) % NUMBERS.length];
      return new Vgic(guest, { ...host, listRegisters }, ramOf(n), movesTo);
    }),
};

/** What differs at a step: the values of two subjects, as text, and what kind of value it is. */
interface Disagreement {
  readonly field: string;
  readonly left: string;
  readonly right: string;
}

/** The same steps on several GICs. */
export class Comparison {
  readonly #specification: Specification;
  readonly #subjects: readonly Subject[];
  readonly #vcpus: number;

  constructor(
    oracle: Oracle,
    machine: Machine,
    /** What each vCPU is signalled by the first, after each step. */
    readonly signals: Uint8Array = new Uint8Array(machine.guest.vcpus),
  ) {
    this.#specification = new Specification(machine.guest);
    this.#subjects = oracle.subjects(machine, this.#specification);
    this.#vcpus = machine.guest.vcpus;
  }

  allows(step: Step): boolean {
    return this.#specification.allows(step);
  }

  /** The answer of the first, or in what they differ. */
  perform(step: Step): number | Disagreement {
    const [first, ...others] = this.#subjects;
    if (first !== this.#specification) this.#specification.perform(step);
    const answer = first.perform(step);
    for (const other of others) {
      const right = attempt(other, step);
      if (right === answer || this.#isSame(step, answer, right)) continue;
      const field = typeof right === 'string' ? 'error' : 'value';
      return { field, left: `${first.name}: ${hex(answer)}`, right: `${other.name}: ${shown(right)}` };
    }
    for (let vcpu = 0; vcpu < this.#vcpus; vcpu++) {
      const left = first.signals(vcpu);
      this.signals[vcpu] = left;
      for (const other of others) {
        const right = other.signals(vcpu);
        if (right === left) continue;
        const told = (subject: Subject, signals: number) => `${subject.name}: ${signalNames(signals)} for vCPU ${vcpu}`;
        return { field: 'signals', left: told(first, left), right: told(other, right) };
      }
    }
    return answer;
  }

  #isSame({ name }: Step, left: number, right: number | string): boolean {
    if (typeof right === 'string' || left < 0 || right < 0) return false;
    return ((left ^ right) & this.#specification.definedBits(name)) === 0;
  }
}

function attempt(subject: Subject, step: Step): number | string {
  try {
    return subject.perform(step);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const shown = (value: number | string): string => (typeof value === 'string' ? value : hex(value));

// ---- whole sequences, as operations that people read and files keep

/** The first operation of a sequence: its machine, and who judges it. */
export function machineOperation(oracle: string, { guest, host }: Machine): Operation {
  return {
    op: 'create',
    oracle,
    gic: guest.version,
    vcpus: guest.vcpus,
    interrupts: guest.interrupts,
    priority_bits: guest.priorityBits,
    its: Number(guest.its),
    extended: Number(guest.extended),
    host: host.hostVersion,
    list_registers: host.listRegisters,
    ...(host.kvm === 'none' ? {} : { kvm: host.kvm }),
  };
}

export function machineOfOperation(operation: Operation): Machine {
  const number = (name: string, otherwise: number): number => Number(operation[name] ?? otherwise);
  const version = number('gic', 3) === 2 ? 2 : 3;
  return {
    guest: {
      version,
      vcpus: number('vcpus', 1),
      interrupts: number('interrupts', 64),
      priorityBits: number('priority_bits', 5),
      its: number('its', 0) !== 0,
      extended: number('extended', 0) !== 0,
    },
    host: {
      hostVersion: number('host', version) === 2 ? 2 : 3,
      listRegisters: number('list_registers', 4),
      kvm: String(operation.kvm ?? 'none'),
    },
  };
}

/** Runs a sequence; its first difference. Operations that the architecture leaves open at their place are left out. */
export function replay(
  oracle: Oracle,
  operations: readonly Operation[],
  told: (operation: Operation, answer: string) => void = () => {},
): Difference | undefined {
  const [create, ...others] = operations;
  if (create?.op !== 'create') return undefined;
  let comparison: Comparison;
  try {
    comparison = new Comparison(oracle, machineOfOperation(create));
  } catch {
    return undefined;
  }
  for (const [index, operation] of others.entries()) {
    const step = stepOf(operation);
    if (!comparison.allows(step)) continue;
    const answer = comparison.perform(step);
    if (typeof answer !== 'number') {
      return { at: index + 1, left: answer.left, right: answer.right, fields: [answer.field] };
    }
    told(operation, hex(answer));
  }
  return undefined;
}

export const operationsOf = (oracle: string, machine: Machine, steps: readonly Step[]): Operation[] => [
  machineOperation(oracle, machine),
  ...steps.map(operationOf),
];
