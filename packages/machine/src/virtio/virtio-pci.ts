import type { Dma } from '../dma.js';
import { HEADER } from '../pcie/config-space.js';
import { type Bar, type FunctionDevice, type FunctionHost, type FunctionState, PciFunction } from '../pcie/function.js';
import { isWhole } from '../state-checks.js';
import { COMMON_CONFIGURATION_SIZE, CommonConfiguration, type CommonState, FEATURE } from './common-configuration.js';
import type { VirtioDevice, VirtioHost } from './device.js';
import { DriverFault } from './driver-fault.js';
import { NO_VECTOR, Virtqueue } from './virtqueue.js';

/** Virtio over PCI, without the legacy interface: VIRTIO 1.2, section 4.1. */

const VENDOR = 0x1af4;
/** A modern device's ID is this and its type (4.1.2.1). */
const FIRST_DEVICE_ID = 0x1040;
/** Revision of a device without the legacy interface, and a subsystem ID that no legacy driver takes (4.1.2.1). */
const REVISION = 1;
const SUBSYSTEM_ID = 0x1100;

/** The structures (4.1.4): their cfg_type, and where they are in their BAR. The places are those of QEMU's devices. */
const STRUCTURES = {
  common: { type: 1, offset: 0x0000, length: COMMON_CONFIGURATION_SIZE },
  isr: { type: 3, offset: 0x1000, length: 1 },
  device: { type: 4, offset: 0x2000, length: 0x1000 },
  notify: { type: 2, offset: 0x3000, length: 0x1000 },
} as const;
const STRUCTURE_SPACE = 0x1000;
const STRUCTURES_BAR = { index: 4, size: 0x4000, width: 64, prefetchable: true } as const satisfies Bar;
const MSI_X_BAR = 1;
/** Distance between the notification addresses of two queues. */
const NOTIFY_MULTIPLIER = 4;

/** The capabilities that point to them (4.1.4): all vendor-specific. */
const CAPABILITY = { id: 0x09, length: 16, lengthWithData: 20 } as const;
/** cfg_type of the window to the structures in the configuration space (4.1.4.9). */
const WINDOW_TYPE = 5;

/** ISR status (4.1.4.5). */
const ISR = { queue: 1, configuration: 2 } as const;

/** Work done at one time, before the guest has its turn again: chains, and bytes in them. */
const MOST_CHAINS = 256;
const MOST_BYTES = 8 << 20;
/** Virtual time after which the work goes on. */
const PAUSE = 10_000;

/** All that a device remembers, its function included; plain JSON. */
export interface VirtioPciState {
  pci: FunctionState;
  common: CommonState;
  isr: number;
  /** Virtual time at which work that was too much goes on, or null. */
  resume: number | null;
  device: object;
}

/** A virtio device on the PCIe bus. */
export class VirtioPci implements FunctionDevice {
  readonly pciFunction: PciFunction;
  readonly device: VirtioDevice;
  readonly #host: VirtioHost;
  readonly #dma: Dma;
  readonly #common: CommonConfiguration;
  /** Offset of the capability that is a window to the structures. */
  readonly #window: number;
  #isr = 0;
  #resume = Number.POSITIVE_INFINITY;

  constructor(device: VirtioDevice, dma: Dma, bus: FunctionHost, host: VirtioHost) {
    this.device = device;
    this.#dma = dma;
    this.#host = host;
    // One for each queue, one for changes of the configuration.
    const vectors = device.queueSizes.length + 1;
    this.#common = new CommonConfiguration(device.features, device.queueSizes, vectors);
    this.#common.onReset = () => this.#reset();
    this.#common.onReady = () => this.work();
    this.pciFunction = new PciFunction(
      {
        vendorId: VENDOR,
        deviceId: FIRST_DEVICE_ID + device.type,
        revision: REVISION,
        classCode: device.classCode,
        subsystemVendorId: VENDOR,
        subsystemId: SUBSYSTEM_ID,
      },
      [STRUCTURES_BAR],
      vectors,
      MSI_X_BAR,
      bus,
    );
    this.pciFunction.device = this;
    const { config } = this.pciFunction;
    for (const [name, { type, offset, length }] of Object.entries(STRUCTURES)) {
      const isNotify = name === 'notify';
      const at = this.#addCapability(type, offset, length, isNotify ? CAPABILITY.lengthWithData : CAPABILITY.length);
      if (isNotify) config.define(at + 16, 4, NOTIFY_MULTIPLIER);
    }
    this.#window = this.#addCapability(WINDOW_TYPE, 0, 0, CAPABILITY.lengthWithData);
    config.define(this.#window + 4, 1, 0, 0xff);
    config.define(this.#window + 8, 4, 0, 0xffff_ffff);
    config.define(this.#window + 12, 4, 0, 0xffff_ffff);
    config.define(this.#window + 16, 4, 0, 0xffff_ffff);
  }

  /** Virtual time of the next thing that the device does by itself; Infinity when there is none. */
  get deadline(): number {
    return Math.min(this.#resume, this.device.deadline ?? Number.POSITIVE_INFINITY);
  }

  /** Lets virtual time reach `now`. */
  advance(now: number): void {
    if (now < this.deadline) return;
    this.device.advance?.(now);
    this.work();
  }

  /** Does what the device wants with the chains that the driver has made available. */
  work(): void {
    this.#resume = Number.POSITIVE_INFINITY;
    if (!this.#common.isLive || !this.pciFunction.isBusMaster) return;
    const budget = { chains: MOST_CHAINS, bytes: MOST_BYTES };
    for (let queue = 0; queue < this.#common.queues.length; queue++) {
      try {
        this.#workOn(queue, budget);
      } catch (error) {
        if (!(error instanceof DriverFault)) throw error;
        this.#common.demandReset();
        this.#notifyDriver(ISR.configuration, this.#common.configVector);
        return;
      }
    }
    if (budget.chains <= 0 || budget.bytes <= 0) this.#resume = this.#host.now() + PAUSE;
  }

  readBar(_bar: number, offset: number, size: number): number {
    const within = offset % STRUCTURE_SPACE;
    switch (offset - within) {
      case STRUCTURES.common.offset:
        return this.#common.read(within, size);
      case STRUCTURES.isr.offset:
        return within === 0 ? this.#takeIsr() : 0;
      case STRUCTURES.device.offset: {
        let value = 0;
        for (let byte = 0; byte < size; byte++)
          value += (this.device.configuration[within + byte] ?? 0) * 2 ** (8 * byte);
        return value;
      }
      default:
        return 0;
    }
  }

  writeBar(_bar: number, offset: number, size: number, value: number): void {
    const within = offset % STRUCTURE_SPACE;
    if (offset === within) this.#common.write(within, size, value);
    else if (offset >= STRUCTURES.notify.offset && within / NOTIFY_MULTIPLIER < this.#common.queues.length) this.work();
  }

  /** Reading pci_cfg_data reads what the window points at (4.1.4.9.1). */
  configRead(offset: number, size: number): void {
    const access = this.#windowAccess(offset, size);
    if (!access) return;
    const value = this.pciFunction.readBar(access.bar, access.offset, access.length);
    this.pciFunction.config.define(this.#window + 16, 4, value, 0xffff_ffff);
  }

  configWritten(offset: number, size: number): void {
    const access = this.#windowAccess(offset, size);
    if (access) {
      const value = this.pciFunction.config.get(this.#window + 16, access.length);
      this.pciFunction.writeBar(access.bar, access.offset, access.length, value);
    }
    // A function that has just become bus master may have work that it could not do.
    if (offset < HEADER.status.offset && offset + size > HEADER.command.offset) this.work();
  }

  save(): VirtioPciState {
    return {
      pci: this.pciFunction.save(),
      common: this.#common.save(),
      isr: this.#isr,
      resume: Number.isFinite(this.#resume) ? this.#resume : null,
      device: this.device.save(),
    };
  }

  /** Says what is impossible in a saved device, or undefined when `restore` can take it. */
  check(state: unknown): string | undefined {
    const { pci, common, isr, resume, device } = (state ?? {}) as Partial<VirtioPciState>;
    if (!this.pciFunction.check(pci)) return 'its PCI function is impossible';
    if (!this.#common.check(common)) return 'its common configuration is impossible';
    if (!isWhole(isr, ISR.queue | ISR.configuration) || pci!.interrupt !== (isr !== 0))
      return 'its interrupt status is impossible';
    if (resume !== null && !isWhole(resume, Number.MAX_SAFE_INTEGER)) return 'its time is impossible';
    return this.device.check(device);
  }

  /** Takes a state that `check` accepts. */
  restore(state: VirtioPciState): void {
    this.pciFunction.restore(state.pci);
    this.#common.restore(state.common);
    this.#isr = state.isr;
    this.#resume = state.resume ?? Number.POSITIVE_INFINITY;
    this.device.restore(state.device);
  }

  #addCapability(type: number, offset: number, length: number, size: number): number {
    const { config } = this.pciFunction;
    const at = config.addCapability(CAPABILITY.id, size);
    config.define(at + 2, 1, size);
    config.define(at + 3, 1, type);
    config.define(at + 4, 1, type === WINDOW_TYPE ? 0 : STRUCTURES_BAR.index);
    config.define(at + 8, 4, offset);
    config.define(at + 12, 4, length);
    return at;
  }

  #workOn(number: number, budget: { chains: number; bytes: number }): void {
    const state = this.#common.queues[number];
    if (!state.enabled || !this.device.wants(number)) return;
    const features = {
      indirect: this.#common.has(FEATURE.indirect),
      eventIndex: this.#common.has(FEATURE.eventIndex),
    };
    const queue = new Virtqueue(state, this.#dma, features);
    while (budget.chains > 0 && budget.bytes > 0 && this.device.wants(number)) {
      const chain = queue.take();
      if (chain === undefined) break;
      budget.chains--;
      budget.bytes -= chain.readableLength + chain.writableLength;
      queue.giveBack(chain, this.device.use(number, chain));
    }
    if (queue.finish()) this.#notifyDriver(ISR.queue, state.vector);
  }

  /** By MSI-X if the driver has enabled it, else by the ISR status and INTA# (4.1.5.3, 4.1.5.4). */
  #notifyDriver(reason: number, vector: number): void {
    const { msiX } = this.pciFunction;
    if (msiX.enabled) {
      if (vector !== NO_VECTOR) msiX.notify(vector);
      return;
    }
    this.#isr |= reason;
    this.pciFunction.setInterrupt(true);
  }

  /** Reading it clears it, and takes INTA# back (4.1.4.5.1). */
  #takeIsr(): number {
    const isr = this.#isr;
    this.#isr = 0;
    this.pciFunction.setInterrupt(false);
    return isr;
  }

  #reset(): void {
    this.#takeIsr();
    this.#resume = Number.POSITIVE_INFINITY;
    this.pciFunction.msiX.forgetPending();
    this.device.reset();
  }

  /** What an access to pci_cfg_data does, or undefined if it is none or of no place in the structures. */
  #windowAccess(at: number, size: number): { bar: Bar; offset: number; length: number } | undefined {
    const { config, bars } = this.pciFunction;
    const data = this.#window + 16;
    if (at + size <= data || at >= data + 4) return undefined;
    const bar = bars.find(({ index }) => index === config.get(this.#window + 4, 1));
    const offset = config.get(this.#window + 8, 4);
    const length = config.get(this.#window + 12, 4);
    const possible = (length === 1 || length === 2 || length === 4) && offset % length === 0;
    return bar && possible && offset + length <= bar.size ? { bar, offset, length } : undefined;
  }
}
