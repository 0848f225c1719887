import type { CompleteDevice } from './device-config.js';
import type { Dma } from './dma.js';
import { parseMac } from './network/addresses.js';
import { INTX_LINES, intxLine, PcieHost, requesterId } from './pcie/host.js';
import { type Disk, SECTOR, VirtioBlock } from './virtio/block.js';
import { VirtioConsole } from './virtio/console.js';
import type { VirtioDevice } from './virtio/device.js';
import { VirtioNet } from './virtio/net.js';
import { VirtioRng } from './virtio/rng.js';
import { VirtioPci, type VirtioPciState } from './virtio/virtio-pci.js';

/** What devices need of the computer that the machine runs on, by slot. It is not saved: whoever restores gives it anew. */
export interface Backends {
  /** What the virtio-blk-pci devices keep their sectors on: each needs one. */
  disks?: Readonly<Record<number, Disk>>;
  /** Where what the guest sends to its virtio-console-pci devices goes; nowhere when left out. */
  consoles?: Readonly<Record<number, (bytes: Uint8Array) => void>>;
}

/** What the bus needs of the board. */
export interface PcieBoard {
  readonly dma: Dma;
  /** Virtual time, in nanoseconds. */
  now(): number;
  /** A write of a word to an address that is not RAM, by a requester: a message-signalled interrupt. */
  signal(address: number, data: number, requester: number): void;
  /** Calls what is of this computer: what it throws is for whoever runs the machine. */
  callOut(action: () => void): void;
  /** An INTx line of the host has changed. */
  intx(line: number, level: boolean): void;
}

/** The PCIe host and the devices of a configuration on it. */
export class PcieDevices {
  readonly host: PcieHost;
  readonly #devices: { config: CompleteDevice; virtio: VirtioPci }[];
  readonly #levels: boolean[] = new Array(INTX_LINES).fill(false);

  /** RangeError with one sentence when a device lacks what it needs. */
  constructor(configs: readonly CompleteDevice[], backends: Backends, board: PcieBoard) {
    this.host = new PcieHost(() => this.deadline);
    const { dma } = board;
    this.#devices = configs.map((config) => {
      const { slot } = config;
      const bus = {
        writeWord: (address: number, data: number) => {
          if (dma.has(address, 4)) dma.store32(address, data);
          else board.signal(address, data, requesterId(slot));
        },
        interruptLine: () => {
          const line = intxLine(slot);
          const level = this.host.level(line);
          if (level === this.#levels[line]) return;
          this.#levels[line] = level;
          board.intx(line, level);
        },
      };
      const virtio = new VirtioPci(buildDevice(config, backends, board), dma, bus, board);
      this.host.attach(slot, virtio.pciFunction);
      return { config, virtio };
    });
  }

  /** Virtual time of the next thing that a device does by itself; Infinity when there is none. */
  get deadline(): number {
    return this.#devices.reduce((next, { virtio }) => Math.min(next, virtio.deadline), Number.POSITIVE_INFINITY);
  }

  advance(now: number): void {
    for (const { virtio } of this.#devices) virtio.advance(now);
  }

  /** Types bytes at the virtio-console-pci of a slot; returns how many are taken. */
  sendConsoleInput(slot: number, bytes: Uint8Array): number {
    const found = this.#devices.find(({ config }) => config.slot === slot)?.virtio;
    if (!(found?.device instanceof VirtioConsole))
      throw new RangeError(`There is no virtio-console-pci at slot ${slot}.`);
    const taken = found.device.receive(bytes);
    found.work();
    return taken;
  }

  save(): VirtioPciState[] {
    return this.#devices.map(({ virtio }) => virtio.save());
  }

  /** Says what is impossible in saved devices, or undefined when `restore` can take them. */
  check(states: unknown): string | undefined {
    if (!Array.isArray(states) || states.length !== this.#devices.length) return 'there is another number of devices';
    for (const [n, { config, virtio }] of this.#devices.entries()) {
      const problem = virtio.check(states[n]);
      if (problem) return `${config.type} at slot ${config.slot}: ${problem}`;
    }
    return undefined;
  }

  /** Takes states that `check` accepts. The lines have the levels that they had: whoever they lead to was saved too. */
  restore(states: readonly VirtioPciState[]): void {
    this.#devices.forEach(({ virtio }, n) => {
      virtio.restore(states[n]);
    });
    this.host.changed();
    for (let line = 0; line < INTX_LINES; line++) this.#levels[line] = this.host.level(line);
  }
}

function buildDevice(config: CompleteDevice, backends: Backends, host: PcieBoard): VirtioDevice {
  const { slot, type } = config;
  switch (type) {
    case 'virtio-net-pci':
      return new VirtioNet(parseMac(config.mac)!, host);
    case 'virtio-blk-pci': {
      const disk = backends.disks?.[slot];
      if (disk === undefined) throw new RangeError(`The virtio-blk-pci at slot ${slot} has no disk.`);
      if (!Number.isSafeInteger(disk.size) || disk.size % SECTOR !== 0) {
        throw new RangeError(
          `The disk of the virtio-blk-pci at slot ${slot} is not of whole sectors of ${SECTOR} bytes.`,
        );
      }
      return new VirtioBlock(disk, { readonly: config.readonly, id: `vgic-${slot}` });
    }
    case 'virtio-rng-pci':
      return new VirtioRng(config.seed);
    case 'virtio-console-pci':
      return new VirtioConsole((bytes) => host.callOut(() => backends.consoles?.[slot]?.(bytes)));
  }
}
