import { type GuestGic, SGIS } from './architecture/configuration.js';
import { FRAME_REGISTERS, type FrameRegister, type FrameRegisterName } from './architecture/frames.js';
import { ArchitecturalGic, type Vcpu } from './architecture/gic.js';
import {
  BIT_REGISTERS,
  type BitRegisterName,
  BYTE_REGISTERS,
  type ByteRegisterName,
  readBits,
  readBytes,
  readRoute,
  readTriggers,
  writeBits,
  writeBytes,
  writeRoute,
  writeTriggers,
} from './architecture/interrupt-registers.js';
import { ArchitecturalIts } from './architecture/its.js';
import { SYSTEM_REGISTERS, type SystemRegister, type SystemRegisterName } from './architecture/system-registers.js';
import { isOwn } from './places.js';
import type { Step } from './steps.js';
import { INSIDE, OUTSIDE, SIGNAL, type Subject, WAITING } from './subject.js';

const BITS: Readonly<Record<string, BitRegisterName>> = namesOf(BIT_REGISTERS);
const BYTES: Readonly<Record<string, ByteRegisterName>> = namesOf(BYTE_REGISTERS);
const FRAMES: Readonly<Record<string, FrameRegister>> = FRAME_REGISTERS satisfies Record<FrameRegisterName, unknown>;
const SYSTEM: Readonly<Record<string, SystemRegister>> = SYSTEM_REGISTERS satisfies Record<SystemRegisterName, unknown>;

function namesOf<Name extends string>(registers: Record<Name, unknown>): Record<string, Name> {
  return Object.fromEntries((Object.keys(registers) as Name[]).map((name) => [name, name]));
}

const NAMES = {
  2: registersWithout('ICC_', 'GICR_', 'GITS_', 'GICD_I', 'GICD_SETSPI_NSR', 'GICD_CLRSPI_NSR', 'IROUTER', 'IGRPMODR'),
  3: registersWithout('GICC_', 'GICD_SGIR', 'SPENDSGIR', 'CPENDSGIR', 'ITARGETSR'),
} as const;

function registersWithout(...prefixes: string[]): ReadonlySet<string> {
  const all = [...Object.keys({ ...SYSTEM, ...FRAMES, ...BITS, ...BYTES }), 'ICFGR', 'IROUTER', 'GITS_CTLR'];
  return new Set(all.filter((name) => !prefixes.some((prefix) => name.startsWith(prefix))));
}

/** Whether an access is to a redistributor, which every vCPU can reach. */
function isRedistributors({ version }: GuestGic, { op, name, at }: Step): boolean {
  if (version !== 3 || (op !== 'read' && op !== 'write')) return false;
  return name.startsWith('GICR_') || isOwn(name, at);
}

/** Answered where there is no such register: an access is UNDEFINED (IHI 0069, 12.2). */
const UNDEFINED = -1;

interface ItsCommand {
  does(its: ArchitecturalIts, step: Step): void;
  /** Default: always. */
  allows?(its: ArchitecturalIts, step: Step): boolean;
}

/** The fields of each command as a step has them: `low` is V of MAPD and MAPC, and the second vCPU of MOVALL. */
const COMMANDS: Readonly<Record<string, ItsCommand>> = {
  MAPD: {
    does: (its, { device, low }) => its.mapDevice(device, low !== 0),
    allows: (its, { device, low }) => its.allowsMapDevice(device, low !== 0),
  },
  MAPC: {
    does: (its, { at, collection, low }) => its.mapCollection(collection, at, low !== 0),
    allows: (its, { collection }) => its.allowsMapCollection(collection),
  },
  MAPTI: {
    does: (its, { device, at, intid, collection }) => its.mapEvent(device, at, intid, collection),
    allows: (its, { device, at, intid, collection }) => its.allowsMapEvent(device, at, intid, collection),
  },
  MAPI: {
    does: (its, { device, at, collection }) => its.mapEvent(device, at, at, collection),
    allows: (its, { device, at, collection }) => its.allowsMapEvent(device, at, at, collection),
  },
  MOVI: {
    does: (its, { device, at, collection }) => its.moveEvent(device, at, collection),
    allows: (its, { device, at, collection }) => its.allowsMoveEvent(device, at, collection),
  },
  MOVALL: {
    does: (its, { at, low }) => its.moveAll(at, low),
    allows: (its, { at, low, collection }) => its.allowsMoveAll(at, low, collection),
  },
  DISCARD: {
    does: (its, { device, at }) => its.discard(device, at),
    allows: (its, { device, at }) => its.allowsClear(device, at),
  },
  CLEAR: {
    does: (its, { device, at }) => its.clear(device, at),
    allows: (its, { device, at }) => its.allowsClear(device, at),
  },
  INT: { does: (its, { device, at }) => its.trigger(device, at) },
  INV: { does: (its, { device, at }) => its.invalidate(device, at) },
  INVALL: { does: (its, { collection }) => its.invalidateAll(collection) },
};

/** The executable specification as a subject: steps on the architectural GIC. It has no list registers, so nothing enters or exits. */
export class Specification implements Subject {
  readonly name = 'specification';
  readonly gic: ArchitecturalGic;
  readonly its: ArchitecturalIts;
  readonly #where: Uint8Array;

  constructor(config: GuestGic) {
    this.gic = new ArchitecturalGic(config);
    this.its = new ArchitecturalIts(this.gic);
    this.#where = new Uint8Array(config.vcpus);
  }

  /**
   * Whether the architecture, with the choices named where they are made, says what a step does. What it leaves
   * UNPREDICTABLE is not done.
   */
  allows(step: Step): boolean {
    const { op, name, vcpu, of, at, low, device, intid } = step;
    const { gic, its } = this;
    if (vcpu >= gic.vcpus.length || of >= gic.vcpus.length) return false;
    if (of !== vcpu && !isRedistributors(gic.config, step)) return false;
    if ((op === 'read' || op === 'write') && !NAMES[gic.config.version].has(name)) return false;
    if (op === 'write') {
      if (SYSTEM[name]?.isPredictable?.(gic.vcpus[vcpu], low) === false) return false;
      // GICv2 has one APR for both groups, so the group that is ended has to be the register's (IHI 0048, 4.4.5 and 5.5.5)
      const { priorities, ackCtl } = gic.vcpus[vcpu];
      if (name === 'GICC_EOIR') return priorities.runningGroup !== 1 || ackCtl;
      if (name === 'GICC_AEOIR') return priorities.runningGroup !== 0;
      return true;
    }
    if (op === 'move') return at >= 1 && at <= 16;
    if (op === 'line') return at >= SGIS && gic.interrupt(gic.vcpus[vcpu], at) !== undefined;
    if (op === 'configure') return its.enabled && its.allowsConfigure(intid, device, at);
    if (op !== 'command') return true;
    if (!its.enabled) return false;
    return COMMANDS[step.name]?.allows?.(its, step) ?? true;
  }

  perform(step: Step): number {
    const vcpu = this.gic.vcpus[step.vcpu];
    switch (step.op) {
      case 'read':
        this.#where[vcpu.number] = INSIDE;
        return this.#read(vcpu, this.gic.vcpus[step.of], step);
      case 'write':
        this.#where[vcpu.number] = INSIDE;
        this.#write(vcpu, this.gic.vcpus[step.of], step);
        return 0;
      case 'line':
        this.gic.setLine(vcpu, step.at, step.low !== 0);
        return 0;
      case 'msi':
        this.its.trigger(step.low, step.at);
        return 0;
      case 'command':
        this.#where[vcpu.number] = INSIDE;
        COMMANDS[step.name]?.does(this.its, step);
        return 0;
      case 'configure':
        this.#where[vcpu.number] = INSIDE;
        this.its.configure(step.intid, step.low);
        this.its.invalidate(step.device, step.at);
        return 0;
      case 'enter':
        this.#where[vcpu.number] = INSIDE;
        return 0;
      case 'exit':
        this.#where[vcpu.number] = OUTSIDE;
        return 0;
      case 'wait':
        this.#where[vcpu.number] = WAITING;
        return 0;
      case 'move':
        return 0;
    }
  }

  /** Bits of a register that the architecture defines, and that are compared. */
  definedBits(name: string): number {
    return (SYSTEM[name] ?? FRAMES[name])?.defined ?? 0xffffffff;
  }

  /** WFI ends when an interrupt is signalled, masked by the PE or not (IHI 0069, 4.8.3; the Arm ARM, "Wait for Interrupt"). */
  signals(vcpu: number): number {
    const where = this.#where[vcpu];
    if (where === OUTSIDE) return 0;
    const one = this.gic.vcpus[vcpu];
    const interrupt = this.gic.signalled(one);
    if (interrupt === undefined) return 0;
    if (where === WAITING) return SIGNAL.WAKE;
    return this.gic.isFiq(one, interrupt) ? SIGNAL.FIQ : SIGNAL.IRQ;
  }

  /** `of` has the redistributor, `vcpu` everything else. */
  #read(vcpu: Vcpu, of: Vcpu, { name, at, size }: Step): number {
    const { gic } = this;
    if (name in SYSTEM) {
      const { read, isImplemented } = SYSTEM[name];
      return isImplemented?.(vcpu) === false ? UNDEFINED : (read?.(gic, vcpu) ?? 0);
    }
    if (name in FRAMES) return FRAMES[name].read?.(gic, of) ?? 0;
    if (name in BITS) return readBits(gic, of, BITS[name], at);
    if (name in BYTES) return readBytes(gic, of, BYTES[name], at, size);
    if (name === 'ICFGR') return readTriggers(gic, of, at);
    return name === 'IROUTER' ? readRoute(gic, vcpu, at) : 0;
  }

  #write(vcpu: Vcpu, of: Vcpu, { name, at, size, low, high }: Step): void {
    const { gic } = this;
    if (name in SYSTEM) {
      if (SYSTEM[name].isImplemented?.(vcpu) !== false) SYSTEM[name].write?.(gic, vcpu, low, high);
    } else if (name in FRAMES) FRAMES[name].write?.(gic, of, low);
    else if (name in BITS) writeBits(gic, of, BITS[name], at, low);
    else if (name in BYTES) writeBytes(gic, of, BYTES[name], at, size, low);
    else if (name === 'ICFGR') writeTriggers(gic, of, at, low);
    else if (name === 'IROUTER') writeRoute(gic, vcpu, at, low);
    else if (name === 'GITS_CTLR') this.its.enabled = (low & 1) !== 0;
  }
}
