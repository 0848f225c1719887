import { completeDevices, type DeviceConfig } from '../../src/device-config.js';
import { Dma } from '../../src/dma.js';
import { RAM_BASE, regionOf } from '../../src/memory-map.js';
import { type Backends, PcieDevices } from '../../src/pcie-devices.js';

export const TEST_RAM = 4 << 20;
export const ECAM = regionOf('pcie-ecam').base;
export const WINDOW = regionOf('pcie-mmio').base;
/** A doorbell, as far as this board has one: whatever is no RAM. */
export const DOORBELL = 0x0809_0040;

/** A board of RAM and a PCIe bus, without CPUs; the test is the guest. */
export class TestBoard {
  readonly ram = new Uint8Array(TEST_RAM);
  /** Pages of RAM that devices have written. */
  readonly changed = new Set<number>();
  /** MSIs sent: requester, address, data. */
  readonly messages: { requester: number; address: number; data: number }[] = [];
  readonly intx = [false, false, false, false];
  readonly devices: PcieDevices;
  time = 0;

  constructor(configs: DeviceConfig[], backends: Backends = {}) {
    const memory = {
      ram: this.ram,
      ramChanged: (offset: number, length: number) => {
        for (let page = offset >> 12; page <= (offset + length - 1) >> 12; page++) this.changed.add(page);
      },
    };
    this.devices = new PcieDevices(completeDevices(configs), backends, {
      dma: new Dma(memory),
      now: () => this.time,
      signal: (address, data, requester) => this.messages.push({ requester, address, data }),
      changed: () => {},
      callOut: (action) => action(),
      intx: (line, level) => {
        this.intx[line] = level;
      },
    });
  }

  get view(): DataView {
    return new DataView(this.ram.buffer);
  }

  readConfig(slot: number, offset: number, size: number): number {
    return this.devices.host.ecam.read(0, ECAM + (slot << 15) + offset, size);
  }

  writeConfig(slot: number, offset: number, size: number, value: number): void {
    this.devices.host.ecam.write(0, ECAM + (slot << 15) + offset, size, value, 0);
  }

  read(address: number, size: number): number {
    return this.devices.host.memoryWindow.read(0, address, size);
  }

  write(address: number, size: number, value: number, high = 0): void {
    this.devices.host.memoryWindow.write(0, address, size, value, high);
  }

  /** As the machine does it: time stops at each deadline. */
  runTo(until: number): void {
    while (this.devices.deadline <= until) {
      this.time = Math.max(this.time, this.devices.deadline);
      this.devices.advance(this.time);
    }
    this.time = until;
  }

  /** The same board in another process. */
  moveTo(other: TestBoard): TestBoard {
    const states = JSON.parse(JSON.stringify(this.devices.save()));
    const problem = other.devices.check(states);
    if (problem) throw new Error(problem);
    other.ram.set(this.ram);
    other.time = this.time;
    this.intx.forEach((level, line) => {
      other.intx[line] = level;
    });
    other.devices.restore(states);
    return other;
  }
}

export { RAM_BASE };
