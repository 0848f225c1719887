import type { Gic } from 'vgic';
import { Board } from './board.js';
import { type CompleteConfig, completeConfig, type MachineConfig } from './config.js';
import { Core } from './core/index.js';
import { GuestAccesses } from './guest-accesses.js';
import { type Program, placeProgram } from './loader/load.js';
import { checkMachineState, type MachineState } from './machine-state.js';
import { RAM_BASE } from './memory-map.js';
import type { MsiCounts } from './passthrough.js';
import type { Backends, HostSocket, HostSocketListener } from './pcie-devices.js';
import { type Outcome, RunLoop } from './run-loop.js';
import { checkRestorable, restoreParts, type StatefulParts, saveParts } from './saving.js';
import { Scheduler } from './scheduler.js';
import { collectRam, type RamState } from './snapshot/ram-state.js';
import { SnapshotError } from './snapshot/snapshot-error.js';
import { GenericTimers } from './timers.js';

/**
 * What the host of a restored machine is like, see {@link MachineConfig}: it need not be the one that the machine was saved on.
 * The guest can't tell the list registers and the host's GICv4; a KVM it can.
 */
export type RestoreOptions = Pick<MachineConfig, 'gicv4' | 'listRegisters' | 'kvm'>;

/** Virtual time that a run without a limit lasts: short enough that console input and pacing have their turn. */
export const DEFAULT_RUN = 10_000_000;
/**
 * An Arm board with vCPUs run in turn. Virtual time is the number of instructions executed by all of them, plus the idle
 * time skipped while all wait; one instruction is one nanosecond. Nothing depends on how a run is cut into pieces:
 * run(a) and run(b) end as run(b) alone does, also with a save and a restore in between.
 */
export class Machine {
  readonly config: CompleteConfig;
  readonly gic: Gic;
  /** @internal */
  readonly core: Core;
  /** Called with every byte that the guest sends to its console. */
  onConsoleOutput: (byte: number) => void = () => {};

  readonly #board: Board;
  readonly #scheduler: Scheduler;
  readonly #timers: GenericTimers;
  readonly #loop: RunLoop;
  #loaded = false;

  /** RangeError with one sentence when there is no such machine, no room for it, or a device lacks its backend. */
  constructor(config: MachineConfig, backends: Backends = {}) {
    this.config = completeConfig(config);
    const { vcpus, memory, gic: version, quantum } = this.config;
    const scheduler = new Scheduler(vcpus, quantum);
    const accesses = new GuestAccesses();
    const ram = { ramBase: RAM_BASE, ramSize: memory };
    let core: Core;
    try {
      core = Core.create({ vcpus, ...ram, gicSystemRegisters: version === 3, host: accesses });
    } catch (error) {
      if (error instanceof RangeError) throw error;
      throw new RangeError(`This computer has no room for a machine with ${memory / 2 ** 20} MiB of memory.`);
    }
    const reschedule = (time: number) => this.#loop.reschedule(time);
    const board = new Board(this.config, core, backends, {
      now: () => this.time,
      reschedule,
      callOut: (action) => this.#loop.callOut(action),
      output: (byte) => this.onConsoleOutput(byte),
      isWaiting: (vcpu) => scheduler.isWaiting(vcpu),
    });
    const timers = new GenericTimers({
      core,
      vcpus,
      isOn: (vcpu) => scheduler.power(vcpu) === 'on',
      setLine: (intid, level, vcpu) => board.entry.setLine(intid, level, vcpu),
    });
    accesses.connect({ core, board, timers, reschedule });
    this.#scheduler = scheduler;
    this.core = core;
    this.#board = board;
    this.gic = board.gic;
    this.#timers = timers;
    this.#loop = new RunLoop({ config: this.config, core, board, scheduler, timers });
  }

  /** Virtual time: 1 is one instruction, and one nanosecond. Also right inside a callback of a run. */
  get time(): number {
    return this.#loop.time;
  }

  /** Puts a program into the memory of a fresh machine, ready to start on vCPU 0; ImageError, and nothing is changed, if it cannot. */
  load(program: Program): void {
    if (this.#loaded) throw new Error('This machine has its program already; build another one.');
    const placement = placeProgram(program, this.config);
    for (const { address, bytes } of placement.segments) {
      this.core.ram.set(bytes, address - RAM_BASE);
      this.core.ramChanged(address - RAM_BASE, bytes.length);
    }
    this.core.reset(0, BigInt(placement.entry), BigInt(placement.deviceTree));
    this.#loaded = true;
  }

  /**
   * Runs until that virtual time at most, exact to the instruction. Without it, for 10 ms of virtual time at most:
   * call it again and again. `work` bounds what the run costs here: instructions, and some for each thing that happens
   * in between. How long a virtual time takes depends on how much of it the guest idles.
   */
  run(limit: number = this.time + DEFAULT_RUN, work: number = Number.POSITIVE_INFINITY): Outcome {
    if (!this.#loaded) throw new Error('This machine has no program; load one first.');
    if (this.#loop.isExecuting) throw new Error('This machine is running already.');
    if (Number.isNaN(limit)) throw new RangeError('A machine cannot run until NaN.');
    if (!(work >= 1)) throw new RangeError(`A machine cannot run for ${work} instructions of work.`);
    // There is no part of an instruction.
    return this.#loop.run(Math.floor(limit), Math.floor(work));
  }

  /** From a callback: the run comes back after the present instruction, with `stopped`. */
  stop(): void {
    this.#loop.stop();
  }

  /** Types bytes at the guest's console. What the guest has not read yet is kept for it, and saved with it. */
  sendConsoleInput(bytes: Uint8Array): void {
    this.#board.uart.receive(bytes);
    this.#loop.reschedule(this.#board.uart.deadline);
  }

  /** Bytes typed that the guest has not read. */
  get unreadConsoleInput(): number {
    return this.#board.uart.unread;
  }

  /** Types bytes at the virtio-console-pci of a slot; returns how many are taken: what the guest does not read adds up to 1 MiB. */
  sendDeviceInput(slot: number, bytes: Uint8Array): number {
    return this.#board.pcie.sendConsoleInput(slot, bytes);
  }

  /** Connections between the guest and sockets of this computer: while there are any, time outside matters to the guest. */
  get hostConnections(): number {
    return this.#board.pcie.connections;
  }

  /** Connects a socket of this computer to a port of the guest at 10.0.2.15, over the virtio-net-pci of a slot. */
  connectToGuest(slot: number, port: number, makeSocket: (listener: HostSocketListener) => HostSocket): void {
    this.#board.pcie.connectToGuest(slot, port, makeSocket);
  }

  /** What the MSIs of the test device have caused since this machine was built. */
  get msiCounts(): MsiCounts {
    return { ...this.#board.msiCounts };
  }

  /**
   * The whole machine; not inside a callback of a run. `collect` takes what it wants of the RAM: a migration, whose
   * destination has most of it already, no more than has changed since.
   */
  save(collect: (ram: Uint8Array) => RamState = collectRam): MachineState {
    if (this.#board.entry.isOccupied) throw new Error('A machine cannot be saved in the middle of an instruction.');
    return saveParts(this.#parts(), { time: this.time, ended: this.#loop.ended }, collect);
  }

  /** The machine of a state, standing between the same two instructions; SnapshotError when no machine can have that state. */
  static restore(state: MachineState, backends: Backends = {}, options: RestoreOptions = {}): Machine {
    checkMachineState(state);
    let machine: Machine;
    try {
      machine = new Machine({ ...state.config, ...options }, backends);
    } catch (error) {
      throw new SnapshotError((error as Error).message);
    }
    machine.adopt(state);
    return machine;
  }

  /**
   * A fresh machine of the same configuration becomes that of the state. Pages of RAM that the state leaves out stay as
   * they are: a migration has put them there. After a SnapshotError the machine is of no use.
   * @internal
   */
  adopt(state: MachineState): void {
    if (this.#loaded) throw new Error('This machine has its program already; build another one.');
    const parts = this.#parts();
    checkRestorable(parts, state);
    this.#loop.setTime(state.time);
    restoreParts(parts, state);
    this.#timers.restore();
    this.#loop.ended = state.ended;
    this.#loaded = true;
  }

  #parts(): StatefulParts {
    const { config, core } = this;
    const { gic, uart, msiDevice, pcie, passthrough } = this.#board;
    return { config, core, gic, scheduler: this.#scheduler, uart, msiDevice, pcie, passthrough };
  }
}
