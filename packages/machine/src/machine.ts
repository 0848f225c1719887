import { Gic } from 'vgic';
import { Bus, type BusDevice } from './bus.js';
import { type CompleteConfig, completeConfig, type MachineConfig } from './config.js';
import { Core, type CoreHost, Exit } from './core/index.js';
import { Dma } from './dma.js';
import { GicMemory } from './gic-memory.js';
import { Gicv2m } from './gicv2m.js';
import { type Program, placeProgram } from './loader/load.js';
import { checkMachineState, type MachineState } from './machine-state.js';
import { affinityOf, PCIE_INTID, RAM_BASE, regionOf, TIMER_INTID, UART_INTID } from './memory-map.js';
import { MsiDevice } from './msi-device.js';
import { type MsiCounts, noMsis, Passthrough, physicalGicv4 } from './passthrough.js';
import { type Backends, type HostSocket, type HostSocketListener, PcieDevices } from './pcie-devices.js';
import { Pl011 } from './pl011.js';
import { callPsci, code, type PsciHost } from './psci.js';
import { checkRestorable, restoreParts, type StatefulParts, saveParts } from './saving.js';
import { Scheduler } from './scheduler.js';
import { collectRam, type RamState } from './snapshot/ram-state.js';
import { SnapshotError } from './snapshot/snapshot-error.js';

/** Why a run came back. After `off`, `reset` and `lockup` the machine stays as it is, and every run says so again. */
export type Outcome =
  /** The virtual time has come, or so much work is done. */
  | { reason: 'time' }
  | { reason: 'off' }
  | { reason: 'reset' }
  | { reason: 'stopped' }
  /** Every vCPU is in WFI and no timer will ring: only input from outside can wake it. */
  | { reason: 'waiting' }
  | { reason: 'lockup'; message: string };

/** What the host of a restored machine is like. */
export interface RestoreOptions {
  /** The host's GICv4, see `MachineConfig.gicv4`: the guest can't tell, so it need not be the one that it was saved with. */
  gicv4?: CompleteConfig['gicv4'];
}

/** Virtual time that a run without a limit lasts: short enough that console input and pacing have their turn. */
export const DEFAULT_RUN = 10_000_000;
/** What an entry into the guest, or a skip of idle time, adds to the work of a run, in instructions. */
const WORK_OF_A_SLICE = 100;
/** Entries into the guest without one instruction executed that are one too many: the core would never go on. */
const PATIENCE = 64;
const TIMERS = ['virtual', 'physical'] as const;
const NOBODY = -1;

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

  readonly #bus = new Bus();
  readonly #uart: Pl011;
  /** Only with an ITS, to which it sends. */
  readonly #msiDevice: MsiDevice | undefined;
  readonly #pcie: PcieDevices;
  /** Only with a GICv4 in the host. */
  readonly #passthrough: Passthrough | undefined;
  readonly #msiCounts = noMsis();
  readonly #scheduler: Scheduler;
  readonly #psci: PsciHost;
  /** Levels of the timers' interrupt lines as the GIC has them: a bit for each of TIMERS, for each vCPU. */
  readonly #timerLines: Uint8Array;
  #time = 0;
  #ended: Outcome | null = null;
  #loaded = false;
  #stopRequested = false;
  /** The vCPU that executes. */
  #inGuest = NOBODY;
  /** The vCPU in the guest: it stays there when a slice is over for something that happens outside of it. */
  #resident = NOBODY;
  /** An MSI is among what made it stale. */
  #msiWaits = false;
  /** Something became of the GIC that the list registers of the vCPU in the guest do not tell yet. */
  #stale = false;
  /** Virtual time at which the present slice ends at the latest. */
  #sliceEnd = 0;
  /** Virtual time of the next thing that happens by itself; 0 when it has to be found out anew. */
  #nextEvent = 0;
  #fruitless = 0;
  /** What something of the owner's has thrown: it goes on to the caller of `run` when the instruction is over. */
  #thrown: { error: unknown } | undefined;

  /** RangeError with one sentence when there is no such machine, no room for it, or a device lacks its backend. */
  constructor(config: MachineConfig, backends: Backends = {}) {
    this.config = completeConfig(config);
    const { vcpus, memory, gic: version, listRegisters, quantum, gicv4 } = this.config;
    this.#timerLines = new Uint8Array(vcpus);
    this.#scheduler = new Scheduler(vcpus, quantum);
    const host: CoreHost = {
      mmioRead: (vcpu, address, size) => this.#mmioRead(vcpu, address, size),
      mmioWrite: (vcpu, address, size, low, high) => this.#mmioWrite(vcpu, address, size, low, high),
      systemRegisterRead: (vcpu, encoding) => this.#systemRegisterRead(vcpu, encoding),
      systemRegisterWrite: (vcpu, encoding, low, high) => this.#systemRegisterWrite(vcpu, encoding, low, high),
      timerChanged: (vcpu) => this.#timerChanged(vcpu),
    };
    try {
      this.core = Core.create({ vcpus, ramBase: RAM_BASE, ramSize: memory, gicSystemRegisters: version === 3, host });
    } catch (error) {
      if (error instanceof RangeError) throw error;
      throw new RangeError(`This computer has no room for a machine with ${memory / 2 ** 20} MiB of memory.`);
    }
    const gicv4Driver = gicv4 === 0 ? undefined : physicalGicv4(gicv4, vcpus);
    this.gic = new Gic({
      version,
      vcpus,
      listRegisters,
      ...(version === 3 && { memory: new GicMemory(this.core), itsBases: [regionOf('gic-its').base] }),
      ...(gicv4Driver && { gicv4Driver }),
    });
    this.gic.events.on('kick', (vcpu) => {
      if (vcpu === this.#resident) this.#stale = true;
    });
    this.#uart = new Pl011({
      output: (byte) => this.#callOut(() => this.onConsoleOutput(byte)),
      line: (level) => this.#setLine(UART_INTID, level, 0),
      now: () => this.time,
    });
    const v2m = version === 2 ? new Gicv2m((intid) => this.#edge(intid)) : undefined;
    this.#pcie = new PcieDevices(this.config.devices, backends, {
      dma: new Dma(this.core),
      now: () => this.time,
      signal: (address, data, requester) => {
        if (v2m) v2m.signal(address, data);
        else this.#signalMsi(address, data, requester);
      },
      changed: () => this.#reschedule(this.#pcie.deadline),
      callOut: (action) => this.#callOut(action),
      intx: (line, level) => this.#setLine(PCIE_INTID + line, level, 0),
    });
    this.#psci = this.#psciHost();
    const gicFrames: BusDevice = this.gic;
    this.#bus.attach('gic-distributor', gicFrames);
    this.#bus.attach(version === 3 ? 'gic-redistributors' : 'gic-cpu-interface', gicFrames);
    this.#bus.attach('pl011', this.#uart);
    if (version === 3) {
      this.#bus.attach('gic-its', gicFrames);
      const device = new MsiDevice({
        signal: (address, eventId, deviceId, msi) => {
          this.#msiCounts.sent++;
          return this.#passthrough?.send(msi) ?? this.#signalMsi(address, eventId, deviceId);
        },
        rerouted: (channel) => this.#passthrough?.reroute(channel),
        now: () => this.time,
      });
      this.#msiDevice = device;
      this.#bus.attach('msi-test', device);
      if (gicv4Driver) {
        this.#passthrough = new Passthrough(gicv4Driver, {
          gic: this.gic,
          counts: this.#msiCounts,
          routeOf: (msi) => device.routeOf(msi),
          signal: ({ address, eventId, deviceId }) => this.#signalMsi(address, eventId, deviceId),
          isWaiting: (vcpu) => this.#scheduler.isWaiting(vcpu),
        });
      }
    }
    if (v2m) this.#bus.attach('gic-v2m', v2m);
    this.#bus.attach('pcie-ecam', this.#pcie.host.ecam);
    this.#bus.attach('pcie-mmio', this.#pcie.host.memoryWindow);
    this.#bus.attach('pcie-pio', this.#pcie.host.ioWindow);
  }

  /** Virtual time: 1 is one instruction, and one nanosecond. Also right inside a callback of a run. */
  get time(): number {
    return this.#inGuest === NOBODY ? this.#time : this.#time + this.core.executed;
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
  run(limit: number = this.#time + DEFAULT_RUN, work: number = Number.POSITIVE_INFINITY): Outcome {
    if (!this.#loaded) throw new Error('This machine has no program; load one first.');
    if (this.#inGuest !== NOBODY) throw new Error('This machine is running already.');
    if (Number.isNaN(limit)) throw new RangeError('A machine cannot run until NaN.');
    if (!(work >= 1)) throw new RangeError(`A machine cannot run for ${work} instructions of work.`);
    // There is no part of an instruction.
    const until = Math.floor(limit);
    this.#stopRequested = false;
    try {
      return this.#runUntil(until, Math.floor(work));
    } finally {
      this.#leaveGuest();
    }
  }

  #runUntil(until: number, work: number): Outcome {
    for (let left = work; ; left -= WORK_OF_A_SLICE) {
      // Also before coming back: what is due at this moment belongs to this moment, whoever looks at it.
      if (this.#time >= this.#nextEvent) this.#fireDue();
      if (this.#thrown) {
        const { error } = this.#thrown;
        this.#thrown = undefined;
        throw error;
      }
      if (this.#ended) return this.#ended;
      if (this.#stopRequested) return { reason: 'stopped' };
      if (this.#time >= until || left <= 0) return { reason: 'time' };
      const event = this.#nextEvent;
      const vcpu = this.#scheduler.next((candidate) => this.gic.hasPending(candidate));
      if (vcpu !== NOBODY) {
        const began = this.#time;
        this.#runSlice(vcpu, Math.min(this.#scheduler.remaining, until - began, event - began, left));
        left -= this.#time - began;
      } else if (this.#scheduler.allOff) {
        this.#ended = {
          reason: 'lockup',
          message: 'Every vCPU has switched itself off by PSCI CPU_OFF: none is left to run.',
        };
      } else if (event === Number.POSITIVE_INFINITY) return { reason: 'waiting' };
      else this.#setTime(Math.min(event, until));
    }
  }

  /** From a callback: the run comes back after the present instruction, with `stopped`. */
  stop(): void {
    this.#stopRequested = true;
    if (this.#inGuest !== NOBODY) this.core.stop();
  }

  /** Types bytes at the guest's console. What the guest has not read yet is kept for it, and saved with it. */
  sendConsoleInput(bytes: Uint8Array): void {
    this.#uart.receive(bytes);
    this.#reschedule(this.#uart.deadline);
  }

  /** Bytes typed that the guest has not read. */
  get unreadConsoleInput(): number {
    return this.#uart.unread;
  }

  /** Types bytes at the virtio-console-pci of a slot; returns how many are taken: what the guest does not read adds up to 1 MiB. */
  sendDeviceInput(slot: number, bytes: Uint8Array): number {
    return this.#pcie.sendConsoleInput(slot, bytes);
  }

  /** Connections between the guest and sockets of this computer: while there are any, time outside matters to the guest. */
  get hostConnections(): number {
    return this.#pcie.connections;
  }

  /** Connects a socket of this computer to a port of the guest at 10.0.2.15, over the virtio-net-pci of a slot. */
  connectToGuest(slot: number, port: number, makeSocket: (listener: HostSocketListener) => HostSocket): void {
    this.#pcie.connectToGuest(slot, port, makeSocket);
  }

  /** What the MSIs of the test device have caused since this machine was built. */
  get msiCounts(): MsiCounts {
    return { ...this.#msiCounts };
  }

  /**
   * The whole machine; not inside a callback of a run. `collect` takes what it wants of the RAM: a migration, whose
   * destination has most of it already, no more than has changed since.
   */
  save(collect: (ram: Uint8Array) => RamState = collectRam): MachineState {
    if (this.#resident !== NOBODY) throw new Error('A machine cannot be saved in the middle of an instruction.');
    return saveParts(this.#parts(), { time: this.#time, ended: this.#ended }, collect);
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
    this.#setTime(state.time);
    restoreParts(parts, state);
    for (let vcpu = 0; vcpu < this.config.vcpus; vcpu++) this.#timerLines[vcpu] = this.#timerLevels(vcpu);
    this.#ended = state.ended;
    this.#loaded = true;
  }

  #parts(): StatefulParts {
    return {
      config: this.config,
      core: this.core,
      gic: this.gic,
      scheduler: this.#scheduler,
      uart: this.#uart,
      msiDevice: this.#msiDevice,
      pcie: this.#pcie,
      passthrough: this.#passthrough,
    };
  }

  #setTime(time: number): void {
    this.#time = time;
    this.core.setTime(time);
  }

  /** Does everything that is due by now, and finds out what is next. */
  #fireDue(): void {
    this.#uart.advance(this.#time);
    this.#msiDevice?.advance(this.#time);
    this.#pcie.advance(this.#time);
    let next = Math.min(
      this.#uart.deadline,
      this.#msiDevice?.deadline ?? Number.POSITIVE_INFINITY,
      this.#pcie.deadline,
    );
    for (let vcpu = 0; vcpu < this.config.vcpus; vcpu++) {
      if (this.#scheduler.power(vcpu) !== 'on') continue;
      this.#updateTimerLines(vcpu);
      next = Math.min(next, this.core.nextTimer(vcpu));
    }
    // What was due has been done: an event that still names this moment is not to stop time.
    this.#nextEvent = Math.max(next, this.#time + 1);
  }

  /** Something may happen earlier than was known when the slice was measured: at `event`. */
  #reschedule(event: number): void {
    this.#nextEvent = 0;
    if (this.#inGuest !== NOBODY && event < this.#sliceEnd) this.core.stop();
  }

  /** What the timers of a vCPU put on their lines: a bit for each of TIMERS. Without power there is no output. */
  #timerLevels(vcpu: number): number {
    if (this.#scheduler.power(vcpu) !== 'on') return 0;
    return TIMERS.reduce((levels, timer, bit) => levels | (this.core.timerOutput(vcpu, timer) ? 1 << bit : 0), 0);
  }

  /** Tells the GIC which timer lines have changed. */
  #updateTimerLines(vcpu: number): void {
    const levels = this.#timerLevels(vcpu);
    const changed = levels ^ this.#timerLines[vcpu];
    if (changed === 0) return;
    this.#timerLines[vcpu] = levels;
    for (const [bit, timer] of TIMERS.entries()) {
      if (changed & (1 << bit)) this.#setLine(TIMER_INTID[timer], (levels & (1 << bit)) !== 0, vcpu);
    }
  }

  /** Calls what the machine's owner has given; an error ends the run. */
  #callOut(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#thrown = { error };
      this.stop();
    }
  }

  /** A device's line changed. That is outside the vCPU in the guest, whose list registers may tell otherwise now. */
  #setLine(intid: number, level: boolean, vcpu: number): void {
    this.gic.setLine(intid, level, vcpu);
    this.#stale = true;
  }

  /** An edge on an SPI: up and down. */
  #edge(intid: number): void {
    this.#setLine(intid, true, 0);
    this.#setLine(intid, false, 0);
  }

  /** An EventID is written to a doorbell, in software: if it is for the vCPU in the guest, that has to leave it. */
  #signalMsi(address: number, eventId: number, deviceId: number): boolean {
    const vcpu = this.#resident;
    const kicks = vcpu === NOBODY ? 0 : this.gic.kicks(vcpu);
    const delivered = this.gic.signalMsi(address, eventId, deviceId) > 0;
    if (vcpu !== NOBODY && this.gic.kicks(vcpu) > kicks) this.#msiWaits = true;
    return delivered;
  }

  /** A device was accessed: it may have something to do by itself sooner than was known. */
  #rescheduleFor(device: BusDevice): void {
    if (device.deadline !== undefined) this.#reschedule(device.deadline);
  }

  #runSlice(vcpu: number, budget: number): void {
    const start = this.#scheduler.takeStart(vcpu);
    if (start) {
      this.core.reset(vcpu, start.entry, start.context);
      this.#updateTimerLines(vcpu);
      this.#nextEvent = 0;
    }
    this.#sliceEnd = this.#time + budget;
    this.#enterGuest(vcpu);
    this.#refreshLines(vcpu);
    this.#inGuest = vcpu;
    const exit = this.core.run(vcpu, budget);
    const executed = this.core.executed;
    this.#inGuest = NOBODY;
    if (exit !== Exit.Budget && exit !== Exit.Stopped) this.#leaveGuest(exit === Exit.WaitForInterrupt);
    this.#scheduler.spend(executed);
    this.#setTime(this.#time + executed);
    this.#fruitless = executed === 0 ? this.#fruitless + 1 : 0;
    this.#handleExit(vcpu, exit);
  }

  /** The vCPU is in the guest from here on, and its list registers are as the GIC is. */
  #enterGuest(vcpu: number): void {
    if (this.#resident === vcpu) {
      if (this.#stale) this.#reenter(vcpu);
      return;
    }
    this.#leaveGuest();
    this.#resident = vcpu;
    this.#stale = false;
    this.#msiWaits = false;
    this.gic.enter(vcpu);
  }

  #reenter(vcpu: number): void {
    if (this.#msiWaits) this.#msiCounts.exits++;
    this.#stale = false;
    this.#msiWaits = false;
    this.gic.exit(vcpu);
    this.gic.enter(vcpu);
  }

  /** No vCPU is in the guest. One that waits for an interrupt is to be woken by what comes, directly too. */
  #leaveGuest(waits = false): void {
    const vcpu = this.#resident;
    if (vcpu === NOBODY) return;
    if (waits) this.gic.wait(vcpu);
    else this.gic.exit(vcpu);
    // Outside the guest the inputs mean nothing; saved vCPUs are not to differ by when they were last looked at.
    this.core.setInterruptLines(vcpu, false, false);
    this.#resident = NOBODY;
  }

  #handleExit(vcpu: number, exit: Exit): void {
    if (exit === Exit.WaitForInterrupt) this.#scheduler.wait(vcpu);
    else if (exit === Exit.Yield) this.#scheduler.endTurn();
    else if (exit === Exit.Hypercall) {
      const result = callPsci(this.#psci, vcpu, (n) => this.core.readRegister(vcpu, n));
      if (result !== undefined) this.core.writeRegister(vcpu, 0, result);
    } else if (exit === Exit.SecureCall) {
      // There is no EL3 behind SMC; like KVM, the board answers it as an unknown function.
      this.core.writeRegister(vcpu, 0, code('NOT_SUPPORTED'));
    } else if (exit === Exit.Lockup) this.#ended = { reason: 'lockup', message: this.#lockupMessage(vcpu) };
    else if (this.#fruitless > PATIENCE) {
      const at = this.core.pc(vcpu).toString(16);
      this.#ended = { reason: 'lockup', message: `vCPU ${vcpu} does not get beyond its instruction at 0x${at}.` };
    }
  }

  #lockupMessage(vcpu: number): string {
    const report = this.core.lockup;
    if (!report) return `vCPU ${vcpu} locked up at 0x${this.core.pc(vcpu).toString(16)}.`;
    const instruction = (report.instruction >>> 0).toString(16).padStart(8, '0');
    return `vCPU ${report.vcpu} locked up at PC 0x${report.pc.toString(16)}, instruction 0x${instruction}: ${report.reason}`;
  }

  /** After an access that may have changed the GIC: the list registers anew if they are stale, then the core's lines. */
  #afterAccess(vcpu: number): void {
    if (this.#stale || this.gic.maintenanceAsserted(vcpu)) this.#reenter(vcpu);
    this.#refreshLines(vcpu);
  }

  #refreshLines(vcpu: number): void {
    this.core.setInterruptLines(vcpu, this.gic.irqAsserted(vcpu), this.gic.fiqAsserted(vcpu));
  }

  #mmioRead(vcpu: number, address: number, size: 1 | 2 | 4 | 8): number {
    const device = this.#bus.at(address);
    if (!device) {
      this.core.raiseBusError();
      return 0;
    }
    const low = device.read(vcpu, address, size);
    this.core.high = size === 8 ? device.high : 0;
    this.#rescheduleFor(device);
    this.#afterAccess(vcpu);
    return low;
  }

  #mmioWrite(vcpu: number, address: number, size: 1 | 2 | 4 | 8, low: number, high: number): void {
    const device = this.#bus.at(address);
    if (!device) {
      this.core.raiseBusError();
      return;
    }
    device.write(vcpu, address, size, low, high);
    if (device === this.gic) this.#passthrough?.review();
    this.#rescheduleFor(device);
    this.#afterAccess(vcpu);
  }

  #systemRegisterRead(vcpu: number, encoding: number): number {
    const low = this.gic.readSystemRegister(vcpu, encoding);
    if (low === -1) {
      this.core.raiseUndefined();
      return 0;
    }
    this.core.high = this.gic.high;
    this.#afterAccess(vcpu);
    return low;
  }

  #systemRegisterWrite(vcpu: number, encoding: number, low: number, high: number): void {
    if (this.gic.writeSystemRegister(vcpu, encoding, low, high)) this.#afterAccess(vcpu);
    else this.core.raiseUndefined();
  }

  #timerChanged(vcpu: number): void {
    this.#updateTimerLines(vcpu);
    this.#reschedule(this.core.nextTimer(vcpu));
    this.#afterAccess(vcpu);
  }

  #psciHost(): PsciHost {
    const scheduler = this.#scheduler;
    const end = (reason: 'off' | 'reset') => {
      this.#ended = { reason };
    };
    return {
      vcpus: this.config.vcpus,
      affinity: (vcpu) => BigInt(affinityOf(vcpu)),
      power: (vcpu) => scheduler.power(vcpu),
      isExecutable: (address) =>
        address % 4n === 0n && address >= BigInt(RAM_BASE) && address < BigInt(RAM_BASE + this.config.memory),
      powerOn: (vcpu, entry, context) => scheduler.powerOn(vcpu, { entry, context }),
      powerOff: (vcpu) => {
        scheduler.powerOff(vcpu);
        this.#updateTimerLines(vcpu);
      },
      wait: (vcpu) => {
        scheduler.wait(vcpu);
        this.#passthrough?.askForDoorbell(vcpu);
      },
      systemOff: () => end('off'),
      systemReset: () => end('reset'),
    };
  }
}
