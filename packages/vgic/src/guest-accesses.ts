import { GICC_REGISTERS } from './architecture/gicv2.js';
import { offsetsOf, WORD } from './architecture/register-map.js';
import { acknowledge, endOfInterrupt } from './cpu-interface/gicv.js';
import {
  alwaysTraps,
  readSystemRegister,
  systemRegisterAt,
  TRAPS,
  UNDEFINED,
  WRITTEN,
  writeSystemRegister,
} from './cpu-interface/system-registers.js';
import type { AddressMap, MappedFrame } from './frames/address-map.js';
import type { FrameContext } from './frames/context.js';
import type { GicEvents } from './gic-events.js';
import type { Interrupts } from './interrupts/interrupts.js';
import type { Vcpus } from './vcpus/vcpus.js';

const { GICC_IAR, GICC_EOIR } = offsetsOf(GICC_REGISTERS);

/** What a guest's accesses reach: a GIC. */
export interface AccessContext extends FrameContext {
  readonly addresses: AddressMap;
}

/**
 * The guest's loads, stores and system-register accesses: what traps makes its vCPU leave the guest and enter again, once;
 * what the hardware serves is served by the virtual CPU interface of a vCPU that is in it.
 */
export class GuestAccesses {
  readonly #gic: AccessContext;
  readonly #irqs: Interrupts;
  readonly #events: GicEvents;
  readonly #vcpus: Vcpus;

  constructor(gic: AccessContext) {
    this.#gic = gic;
    this.#irqs = gic.irqs;
    this.#events = gic.events;
    this.#vcpus = gic.vcpus;
  }

  /** As `Gic.read`, with sign: V8 would allocate to hand on a number above 2^31. */
  read(vcpu: number, address: number, size: number): number {
    const mapped = this.#gic.addresses.find(address, size);
    if (mapped !== undefined && !mapped.frame.traps) return this.readInGuest(vcpu, mapped, address, size);
    return this.readTrapped(vcpu, mapped, address, size);
  }

  private readTrapped(vcpu: number, mapped: MappedFrame | undefined, address: number, size: number): number {
    const entered = this.#vcpus.trap(vcpu);
    let value = 0;
    if (mapped === undefined) {
      this.#gic.high = 0;
    } else {
      value = mapped.frame.read(this.#gic, mapped.vcpu < 0 ? vcpu : mapped.vcpu, address - mapped.base, size, vcpu);
    }
    if (entered) this.#vcpus.resume(vcpu);
    return value | 0;
  }

  /** As `Gic.write`. */
  write(vcpu: number, address: number, size: number, low: number, high: number): void {
    const mapped = this.#gic.addresses.find(address, size);
    if (mapped !== undefined && !mapped.frame.traps) {
      this.writeInGuest(vcpu, mapped, address, size, low);
      return;
    }
    const entered = this.#vcpus.trap(vcpu);
    mapped?.frame.write(this.#gic, mapped.vcpu < 0 ? vcpu : mapped.vcpu, address - mapped.base, size, low, high, vcpu);
    if (entered) this.#vcpus.resume(vcpu);
  }

  private readInGuest(vcpu: number, mapped: MappedFrame, address: number, size: number): number {
    const cpu = this.#vcpus.interfaceInGuest(vcpu);
    this.#gic.high = 0;
    // an interrupt takes one of these and one GICC_EOIR: V8 inlines what is compared for, and not what a frame looks up
    if (cpu !== undefined && address - mapped.base === GICC_IAR && size === WORD && !this.#events.looking) {
      return acknowledge(cpu, false);
    }
    return this.readFrame(vcpu, mapped, address, size);
  }

  private readFrame(vcpu: number, { base, frame }: MappedFrame, address: number, size: number): number {
    const entered = this.#vcpus.isInGuest(vcpu);
    if (!entered) this.#vcpus.enter(vcpu);
    this.#gic.high = 0;
    const value = frame.read(this.#gic, vcpu, address - base, size, vcpu);
    if (!entered) this.#vcpus.put(vcpu);
    return value | 0;
  }

  private writeInGuest(vcpu: number, mapped: MappedFrame, address: number, size: number, value: number): void {
    const cpu = this.#vcpus.interfaceInGuest(vcpu);
    if (cpu !== undefined && address - mapped.base === GICC_EOIR && size === WORD && !this.#events.looking) {
      endOfInterrupt(cpu, value, this.#irqs.physical);
    } else {
      this.writeFrame(vcpu, mapped, address, size, value);
    }
  }

  private writeFrame(vcpu: number, { base, frame }: MappedFrame, address: number, size: number, value: number): void {
    const entered = this.#vcpus.isInGuest(vcpu);
    if (!entered) this.#vcpus.enter(vcpu);
    frame.write(this.#gic, vcpu, address - base, size, value, 0, vcpu);
    if (!entered) this.#vcpus.put(vcpu);
  }

  /** As `Gic.readSystemRegister`. */
  readSystemRegister(vcpu: number, encoding: number): number {
    this.#gic.high = 0;
    if (this.#irqs.version !== 3) return UNDEFINED;
    const cpu = this.#vcpus.interfaceInGuest(vcpu);
    if (cpu === undefined) return this.readFromOutside(vcpu, encoding);
    const value = readSystemRegister(cpu, encoding);
    if (this.#events.looking) this.tellRead(vcpu, encoding, value);
    return value;
  }

  private tellRead(vcpu: number, encoding: number, value: number): void {
    this.#events.systemRegisterRead?.(vcpu, vcpu, encoding, value | 0);
  }

  /** A vCPU that is not in the guest is in it for the access, where that would not trap. */
  private readFromOutside(vcpu: number, encoding: number): number {
    const cpu = this.#gic.cpuInterface(vcpu);
    const isThere = alwaysTraps(encoding);
    if (!isThere) this.#vcpus.enter(vcpu);
    const value = readSystemRegister(cpu, encoding);
    if (this.#events.looking) this.tellRead(vcpu, encoding, value);
    if (!isThere) this.#vcpus.put(vcpu);
    return value;
  }

  /** As `Gic.writeSystemRegister`. */
  writeSystemRegister(vcpu: number, encoding: number, low: number, high: number): boolean {
    if (this.#irqs.version !== 3) return false;
    const cpu = this.#vcpus.interfaceInGuest(vcpu);
    if (this.#events.looking) this.tellWritten(vcpu, encoding, low);
    if (cpu !== undefined) {
      const answer = writeSystemRegister(cpu, encoding, low, this.#irqs.physical);
      if (answer !== TRAPS) return answer === WRITTEN;
    }
    return this.emulate(vcpu, encoding, low, high);
  }

  private tellWritten(vcpu: number, encoding: number, low: number): void {
    this.#events.systemRegisterWritten?.(vcpu, vcpu, encoding, low | 0);
  }

  /** What traps, and what a vCPU writes that is not in the guest: it is in it for that. */
  private emulate(vcpu: number, encoding: number, low: number, high: number): boolean {
    const register = systemRegisterAt(encoding);
    if (register?.emulate !== undefined) {
      const entered = this.#vcpus.trap(vcpu);
      register.emulate(this.#irqs, vcpu, low, high);
      if (entered) this.#vcpus.resume(vcpu);
      return true;
    }
    // with nothing to emulate nobody would see the vCPU come and go
    if (register?.trappedBy === 'always') return true;
    const cpu = this.#gic.cpuInterface(vcpu);
    this.#vcpus.enter(vcpu);
    const answer = writeSystemRegister(cpu, encoding, low, this.#irqs.physical);
    this.#vcpus.put(vcpu);
    return answer === WRITTEN;
  }
}
