/**
 * What is known while a random sequence is made: the machine as the generator believes it to be, the pools to draw from, and
 * the operations that are to go out next. The kinds of operations add to it and know nothing else.
 */
import { type Configuration, type ConfigurationDomain, drawConfiguration } from './configuration.js';
import { type GuestTables, planTables } from './guest-tables.js';
import type { Operation } from './protocol.js';
import { Random } from './random.js';
import type { ValueContext } from './values.js';

/** An ITS's command queue as the guest believes it to be. */
export interface CommandQueue {
  address: number;
  bytes: number;
  /** Offset at which the next command goes. */
  writer: number;
  /** Something may have changed it since. */
  unsure: boolean;
}

/** A virtual machine as the generator believes it to be. */
export interface VirtualMachine {
  slot: number;
  readonly configuration: Configuration;
  readonly inGuest: boolean[];
  /** Loaded on a physical CPU or marked as running: user space's accesses are refused. */
  readonly held: boolean[];
  /** Whose guest ends interrupts in two steps (EOImode 1). */
  readonly twoSteps: boolean[];
  /** Its first run failed for good: EIO for everything that a guest does. */
  dead: boolean;
  /** Interrupts that each vCPU has acknowledged and not yet ended, innermost last. */
  readonly acknowledged: number[][];
  /** By ITS. */
  queues: CommandQueue[];
  /** Host interrupts that are forwarded. */
  readonly forwarded: Set<number>;
  /** The guest has asked for vSGIs. */
  vsgis: boolean;
  /** Interrupts whose priority was dropped but that may still be active (EOImode 1). */
  readonly dropped: number[][];
}

export interface Answer {
  err?: number;
  value?: string;
  [key: string]: unknown;
}

interface Emitted {
  readonly operation: Operation;
  readonly label: string;
  readonly learn: ((answer: Answer) => void) | undefined;
}

/** Operations that go out together, and what coverage counts them as. */
export interface Batch {
  readonly operations: readonly Operation[];
  readonly labels: readonly string[];
}

/** What a sequence is about, as far as its operations ask. */
export interface Subject {
  readonly configuration: ConfigurationDomain;
  /** How often tables in memory are damaged before a machine is restored from them. */
  readonly damage?: number;
}

const SPARE_SLOT = 1;
/** So many operations go out without waiting for the next answer that matters. */
const MOST_IN_A_BATCH = 200;

export class Sequence implements ValueContext {
  readonly random: Random;
  readonly subject: Subject;
  readonly intids: number[] = [];
  readonly priorities: readonly number[];
  readonly vcpus: number;
  /** The tables of a guest that has an ITS. */
  readonly tables: GuestTables | undefined;
  /** Entries of the ITSs' tables as last seen in memory, by their addresses. */
  readonly entries = new Map<number, string>();
  vm: VirtualMachine;
  /** VM slots in use, to be destroyed at the end. */
  readonly slots = new Set<number>([0]);
  /** What a macro still wants to emit when it is through. */
  readonly later: (() => void)[] = [];
  readonly #batch: Emitted[] = [];
  #wantsAnswers = false;

  constructor(subject: Subject, seed: number, stream: number) {
    this.random = new Random(seed, stream);
    this.subject = subject;
    const configuration = drawConfiguration(this.random, subject.configuration);
    this.tables = configuration.its ? planTables(this.random, configuration) : undefined;
    this.vm = this.#machine(configuration, 0);
    this.vcpus = this.vm.configuration.vcpus;
    this.priorities = Array.from({ length: this.random.between(1, 5) }, () =>
      this.random.pick([0, 0x08, 0x20, 0x40, 0x80, 0x88, 0xa0, 0xa4, 0xf0, 0xf8, 0xff]),
    );
    this.#chooseInterrupts();
  }

  get gic(): 2 | 3 {
    return this.vm.configuration.gic;
  }
  get priorityBits(): number {
    return this.vm.configuration.priorityBits;
  }
  get idBits(): number {
    return this.vm.configuration.idBits;
  }
  get affinity3Valid(): boolean {
    return this.vm.configuration.affinity3Valid;
  }
  get systemErrors(): boolean {
    return this.vm.configuration.systemErrors;
  }
  get ramBytes(): number {
    return this.vm.configuration.ramBytes;
  }

  #machine(configuration: Configuration, slot: number): VirtualMachine {
    const perVcpu = () => Array.from({ length: configuration.vcpus }, () => [] as number[]);
    return {
      slot,
      configuration,
      inGuest: new Array<boolean>(configuration.vcpus).fill(false),
      held: new Array<boolean>(configuration.vcpus).fill(false),
      twoSteps: new Array<boolean>(configuration.vcpus).fill(false),
      dead: false,
      queues: (this.tables?.its ?? []).map(({ queue, queuePages }) => ({
        address: queue,
        bytes: queuePages * 4096,
        writer: 0,
        unsure: false,
      })),
      forwarded: new Set(),
      vsgis: false,
      acknowledged: perVcpu(),
      dropped: perVcpu(),
    };
  }

  #chooseInterrupts(): void {
    const { random } = this;
    const { interrupts, listRegisters } = this.vm.configuration;
    const add = (count: number, low: number, high: number) => {
      for (let i = 0; i < count; i++) this.intids.push(random.between(low, high));
    };
    add(random.between(0, 2), 0, 15);
    add(random.between(0, 2), 16, 31);
    const cluster = random.between(1, Math.max(1, (interrupts >> 5) - 1)) * 32;
    add(random.chance(0.2) ? listRegisters + 3 : random.between(1, 4), cluster, cluster + 31);
    if (random.chance(0.4)) add(1, 32, interrupts - 1);
    if (random.chance(0.1)) add(1, interrupts, interrupts + 40);
  }

  /** The LPIs that the sequence works with. */
  get lpis(): readonly number[] {
    return this.tables?.lpis ?? [];
  }

  /** An INTID: mostly one of those that the sequence is about. */
  intid(): number {
    return this.random.chance(0.95) ? this.random.pick(this.intids) : this.random.below(1100);
  }

  vcpu(): number {
    if (this.random.chance(0.005)) return this.random.pick([this.vcpus, -1, 511, 512, 600]);
    return this.random.below(this.vcpus);
  }

  /** A vCPU that is there. */
  realVcpu(): number {
    return this.random.below(this.vcpus);
  }

  acknowledged(): number {
    const { random } = this;
    if (this.lpis.length && random.chance(0.5)) return random.pick(this.lpis);
    if (random.chance(0.8)) return random.pick(this.intids);
    return random.pick([1020, 1021, 1022, 1023, 8192, random.below(1024), random.word()]);
  }

  emit(operation: Operation, label: string, learn?: (answer: Answer) => void): void {
    const { slot } = this.vm;
    const sent = slot && operation.op !== 'raw' && !('vm' in operation) ? { ...operation, vm: slot } : operation;
    this.#batch.push({ operation: sent, label, learn });
    if (learn) this.#wantsAnswers = true;
  }

  /** Goes on in another VM slot: everything emitted from now on goes there. */
  moveTo(slot: number, configuration: Configuration): void {
    this.vm = this.#machine(configuration, slot);
    this.slots.add(slot);
  }

  /** The slot that is not in use. */
  get otherSlot(): number {
    return this.vm.slot === 0 ? SPARE_SLOT : 0;
  }

  /** Whether to send what there is: perhaps when somebody waits for an answer, certainly when it is much. */
  due(): boolean {
    return (this.#wantsAnswers && this.random.chance(0.35)) || this.#batch.length > MOST_IN_A_BATCH;
  }

  /** What is to go out; its answers come to `learn`. */
  take(): Batch {
    return {
      operations: this.#batch.map((emitted) => emitted.operation),
      labels: this.#batch.map((emitted) => emitted.label),
    };
  }

  learn(answers: readonly string[]): void {
    const batch = this.#batch.splice(0);
    this.#wantsAnswers = false;
    for (const [index, { learn }] of batch.entries()) {
      if (!learn) continue;
      try {
        learn(JSON.parse(answers[index] ?? '{}') as Answer);
      } catch {
        // an answer that is not JSON is a difference; there is nothing to learn from it
      }
    }
  }

  /** Leaves no machine behind. */
  destroyAll(): void {
    for (const slot of this.slots) this.#batch.push({ operation: destroy(slot), label: 'destroy', learn: undefined });
  }
}

const destroy = (slot: number): Operation => (slot ? { op: 'destroy', vm: slot } : { op: 'destroy' });
