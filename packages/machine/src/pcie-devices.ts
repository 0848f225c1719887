import type { CompleteDevice } from './device-config.js';
import type { Dma } from './dma.js';
import { parseMac } from './network/addresses.js';
import type { HostNetwork, HostSocket, HostSocketListener } from './network/tcp/host-socket.js';
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
  /** What guests can reach of this computer by their virtio-net-pci devices; nothing when left out. */
  networks?: Readonly<Record<number, HostNetwork>>;
  /** Where what the guest sends to its virtio-console-pci devices goes; nowhere when left out. */
  consoles?: Readonly<Record<number, (bytes: Uint8Array) => void>>;
}

/** A network and its sockets, as the computer has them; they tell what happens between two runs of the machine. */
export type { HostNetwork, HostSocket, HostSocketListener };

/** What the bus needs of the board. */
export interface PcieBoard {
  readonly dma: Dma;
  /** Virtual time, in nanoseconds. */
  now(): number;
  /** A write of a word to an address that is not RAM, by a requester: a message-signalled interrupt. */
  signal(address: number, data: number, requester: number): void;
  /** Something from outside has come: a device may have something to do sooner than it had said. */
  changed(): void;
  /** Calls what is of this computer: what it throws is for whoever runs the machine. */
  callOut(action: () => void): void;
  /** An INTx line of the host has changed. */
  intx(line: number, level: boolean): void;
}

/** The PCIe host and the devices of a configuration on it. */
export class PcieDevices {
  readonly host: PcieHost;
  readonly #devices: { config: CompleteDevice; virtio: VirtioPci }[];
  readonly #board: PcieBoard;
  readonly #levels: boolean[] = new Array(INTX_LINES).fill(false);

  /** RangeError with one sentence when a device lacks what it needs. */
  constructor(configs: readonly CompleteDevice[], backends: Backends, board: PcieBoard) {
    this.#board = board;
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

  /** Connections between guests and sockets of this computer. */
  get connections(): number {
    return this.#devices.reduce(
      (sum, { virtio: { device } }) => sum + (device instanceof VirtioNet ? device.network.connections : 0),
      0,
    );
  }

  /** Connects a socket of this computer to a port of the guest, over the virtio-net-pci of a slot. */
  connectToGuest(slot: number, port: number, makeSocket: (listener: HostSocketListener) => HostSocket): void {
    const device = this.#devices.find(({ config }) => config.slot === slot)?.virtio.device;
    if (!(device instanceof VirtioNet)) throw new RangeError(`There is no virtio-net-pci at slot ${slot}.`);
    device.network.connectToGuest(port, (listener) => makeSocket(attentive(listener, this.#board)));
    this.#board.changed();
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
      return new VirtioNet(parseMac(config.mac)!, host, networkOf(backends, slot, host));
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

/** The network of a device, whose sockets' news the board hears of. */
function networkOf({ networks }: Backends, slot: number, board: PcieBoard): HostNetwork | undefined {
  const network = networks?.[slot];
  return network && { connect: (port, listener) => network.connect(port, attentive(listener, board)) };
}

/** After each word of a socket the board looks what is to be done. */
function attentive(listener: HostSocketListener, board: PcieBoard): HostSocketListener {
  const told = (tell: () => void) => {
    tell();
    board.changed();
  };
  return {
    connected: () => told(() => listener.connected()),
    data: (bytes) => told(() => listener.data(bytes)),
    ended: () => told(() => listener.ended()),
    drained: () => told(() => listener.drained()),
    failed: () => told(() => listener.failed()),
  };
}
