import { Gic, itsAt, kvmNamed } from 'vgic';
import { Bus, type BusDevice } from './bus.js';
import type { CompleteConfig } from './config.js';
import type { Core } from './core/index.js';
import { Dma } from './dma.js';
import { featuresOf } from './gic-features.js';
import { GicMemory } from './gic-memory.js';
import { Gicv2m } from './gicv2m.js';
import { GuestEntry } from './guest-entry.js';
import { PCIE_INTID, regionOf, UART_INTID } from './memory-map.js';
import { MsiDevice } from './msi-device.js';
import { noMsis, Passthrough, physicalGicv4 } from './passthrough.js';
import { type Backends, PcieDevices } from './pcie-devices.js';
import { Pl011 } from './pl011.js';

/** What the devices are told, and whom they tell. */
export interface BoardHost {
  /** Virtual time. */
  now(): number;
  /** Something may happen earlier than was known: at that virtual time. */
  reschedule(time: number): void;
  /** Calls what is of this computer: what it throws is for whoever runs the machine. */
  callOut(action: () => void): void;
  /** The guest sends a byte to its console. */
  output(byte: number): void;
  /** Whether a vCPU waits for an interrupt. */
  isWaiting(vcpu: number): boolean;
}

/** What is on the board beside the core: the GIC, the devices, and the bus that they are on. */
export class Board {
  readonly gic: Gic;
  readonly entry: GuestEntry;
  readonly bus = new Bus();
  readonly uart: Pl011;
  /** Only with an ITS, to which it sends. */
  readonly msiDevice: MsiDevice | undefined;
  readonly pcie: PcieDevices;
  /** Only with a GICv4 in the host. */
  readonly passthrough: Passthrough | undefined;
  /** What the MSIs of the test device have caused. */
  readonly msiCounts = noMsis();

  /** @throws RangeError with one sentence when a device lacks its backend. */
  constructor(config: CompleteConfig, core: Core, backends: Backends, host: BoardHost) {
    const { vcpus, gic: version, listRegisters, gicv4 } = config;
    const kvm = kvmNamed(config.kvm);
    const features = featuresOf(config);
    const gicv4Driver = gicv4 === 0 ? undefined : physicalGicv4(gicv4, vcpus);
    this.gic = new Gic({
      version,
      vcpus,
      listRegisters,
      ...(version === 3 && { memory: new GicMemory(core), its: [itsAt(regionOf('gic-its').base)] }),
      ...(gicv4Driver && { gicv4Driver }),
      ...(features && { features }),
      ...(kvm && { kvm }),
    });
    const entry = new GuestEntry(this.gic, core, this.msiCounts);
    this.entry = entry;
    this.uart = new Pl011({
      output: (byte) => host.callOut(() => host.output(byte)),
      line: (level) => entry.setLine(UART_INTID, level, 0),
      now: () => host.now(),
    });
    const v2m = version === 2 ? new Gicv2m((intid) => this.#edge(intid)) : undefined;
    this.pcie = new PcieDevices(config.devices, backends, {
      dma: new Dma(core),
      now: () => host.now(),
      signal: (address, data, requester) => {
        if (v2m) v2m.signal(address, data);
        else entry.signalMsi(address, data, requester);
      },
      changed: () => host.reschedule(this.pcie.deadline),
      callOut: (action) => host.callOut(action),
      intx: (line, level) => entry.setLine(PCIE_INTID + line, level, 0),
    });
    const gicFrames: BusDevice = this.gic;
    this.bus.attach('gic-distributor', gicFrames);
    this.bus.attach(version === 3 ? 'gic-redistributors' : 'gic-cpu-interface', gicFrames);
    this.bus.attach('pl011', this.uart);
    if (version === 3) {
      this.bus.attach('gic-its', gicFrames);
      const device = new MsiDevice({
        signal: (address, eventId, deviceId, msi) => {
          this.msiCounts.sent++;
          return this.passthrough?.send(msi) ?? entry.signalMsi(address, eventId, deviceId);
        },
        rerouted: (channel) => this.passthrough?.reroute(channel),
        now: () => host.now(),
      });
      this.msiDevice = device;
      this.bus.attach('msi-test', device);
      if (gicv4Driver) {
        this.passthrough = new Passthrough(gicv4Driver, {
          gic: this.gic,
          counts: this.msiCounts,
          routeOf: (msi) => device.routeOf(msi),
          signal: ({ address, eventId, deviceId }) => entry.signalMsi(address, eventId, deviceId),
          isWaiting: (vcpu) => host.isWaiting(vcpu),
        });
      }
    }
    if (v2m) this.bus.attach('gic-v2m', v2m);
    this.bus.attach('pcie-ecam', this.pcie.host.ecam);
    this.bus.attach('pcie-mmio', this.pcie.host.memoryWindow);
    this.bus.attach('pcie-pio', this.pcie.host.ioWindow);
  }

  /** The devices do what is due by that virtual time. Returns when the next thing is, Infinity if there is none. */
  advance(time: number): number {
    this.uart.advance(time);
    this.msiDevice?.advance(time);
    this.pcie.advance(time);
    return Math.min(this.uart.deadline, this.msiDevice?.deadline ?? Number.POSITIVE_INFINITY, this.pcie.deadline);
  }

  /** An edge on an SPI: up and down. */
  #edge(intid: number): void {
    this.entry.setLine(intid, true, 0);
    this.entry.setLine(intid, false, 0);
  }
}
