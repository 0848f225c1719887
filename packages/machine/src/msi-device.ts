import type { BusDevice } from './bus.js';

/**
 * A device that only sends message-signalled interrupts, to test what delivers them. It has eight channels; each is a
 * requester of its own, with a DeviceID, up to 32 consecutive EventIDs (its vectors), and a burst that sends by itself
 * while virtual time passes. All registers are little-endian words; a doubleword is two of them, other sizes do nothing.
 *
 * With the handshake on, a vector that was sent is busy until the guest acknowledges it, and what falls due meanwhile is
 * owed and sent at the acknowledgement: no MSI can merge with the one before, so that a guest can count them.
 */

/** Channels of the frame, and the distance between them in bytes. */
export const MSI_CHANNELS = 8;
export const MSI_CHANNEL_SIZE = 0x200;
/** The most vectors a channel can have. */
export const MSI_VECTORS = 32;
/** A shorter period of a burst counts as this, in nanoseconds: a guest is not to stop virtual time. */
export const SHORTEST_PERIOD = 100;

/** CONTROL: the burst runs; it ends by itself after its last MSI. */
const RUN = 1 << 0;
/** CONTROL: see above. */
const HANDSHAKE = 1 << 1;

/** Registers that hold what was written: offset in the channel, writable bits, what they mean. */
const STORED = {
  /** The doorbell's physical address, 31:0 and 63:32. */
  addressLow: { offset: 0x00, mask: 0xffff_ffff },
  addressHigh: { offset: 0x04, mask: 0xffff_ffff },
  deviceId: { offset: 0x08, mask: 0xffff_ffff },
  /** The EventID of vector 0. */
  firstEvent: { offset: 0x0c, mask: 0xffff_ffff },
  /** How many vectors a burst sends in turn; 0 is 1, more than 32 are 32. */
  vectors: { offset: 0x10, mask: 0x3f },
  control: { offset: 0x14, mask: RUN | HANDSHAKE },
  /** MSIs that the burst has still to send; it counts down. */
  count: { offset: 0x18, mask: 0xffff_ffff },
  /** Nanoseconds from one to the next, at least 100. */
  period: { offset: 0x1c, mask: 0x3fff_ffff },
} as const;
type StoredName = keyof typeof STORED;
const STORED_NAMES = Object.keys(STORED) as StoredName[];
const ROUTE: ReadonlySet<StoredName> = new Set(['addressLow', 'addressHigh', 'deviceId', 'firstEvent']);
const STORED_AT = new Map<number, StoredName>(STORED_NAMES.map((name) => [STORED[name].offset, name]));

/** The other registers. */
const OFFSET = {
  /** Write-only: a vector, of which one MSI is sent at once. */
  trigger: 0x20,
  /** Write-only: a vector whose MSI has arrived. */
  acknowledge: 0x24,
  /** Read-only: a bit for each vector that is busy. */
  busy: 0x28,
  /** Read-only: MSIs that did not reach an interrupt: not mapped, not enabled, or no doorbell there. */
  undelivered: 0x2c,
  /** Read-only: MSIs sent, undelivered ones included, for each vector. */
  sent: 0x80,
  /** Read-only: MSIs owed, for each vector. */
  owed: 0x100,
} as const;

/** What the device needs of the board. */
export interface MsiDeviceHost {
  /**
   * Writes an EventID to a physical address, as the requester `deviceId`. Says whether an interrupt has come of it. `msi`:
   * which of the device's it is, see {@link MsiDevice.routeOf}.
   */
  signal(address: number, eventId: number, deviceId: number, msi: number): boolean;
  /** The guest has programmed a channel anew: its MSIs go elsewhere from now on. */
  rerouted?(channel: number): void;
  /** Virtual time now, in nanoseconds. */
  now(): number;
}

/** Where an MSI goes, as the guest has programmed it. */
export interface MsiRoute {
  /** The doorbell's physical address. */
  readonly address: number;
  readonly eventId: number;
  readonly deviceId: number;
}

/** All that a channel remembers; plain JSON. */
export interface MsiChannelState {
  registers: Record<StoredName, number>;
  /** The vector whose turn it is in the burst. */
  next: number;
  /** Virtual time of the burst's next MSI, or null. */
  due: number | null;
  busy: number;
  undelivered: number;
  sent: number[];
  owed: number[];
}

/** All that the device remembers. */
export type MsiDeviceState = MsiChannelState[];

function freshChannel(): MsiChannelState {
  return {
    registers: Object.fromEntries(STORED_NAMES.map((name) => [name, 0])) as Record<StoredName, number>,
    next: 0,
    due: null,
    busy: 0,
    undelivered: 0,
    sent: new Array(MSI_VECTORS).fill(0),
    owed: new Array(MSI_VECTORS).fill(0),
  };
}

/** The device. */
export class MsiDevice implements BusDevice {
  high = 0;
  /** Virtual time of the next MSI that a burst sends; Infinity when none runs. */
  deadline = Number.POSITIVE_INFINITY;
  readonly #host: MsiDeviceHost;
  #channels = Array.from({ length: MSI_CHANNELS }, freshChannel);

  constructor(host: MsiDeviceHost) {
    this.#host = host;
  }

  /** Lets virtual time reach `now`: each burst whose moment has come sends one MSI, by ascending channel. */
  advance(now: number): void {
    if (now < this.deadline) return;
    for (const channel of this.#channels) {
      if (channel.due === null || now < channel.due) continue;
      const { registers } = channel;
      const vector = channel.next;
      channel.next = (vector + 1) % vectorsOf(channel);
      registers.count = Math.max(0, registers.count - 1);
      // From now on, not from when it was due: no stretch of time asks for more than one.
      channel.due = now + Math.max(registers.period, SHORTEST_PERIOD);
      if (registers.count === 0) this.#stop(channel);
      this.#send(channel, vector);
    }
    this.#plan();
  }

  read(_vcpu: number, address: number, size: number): number {
    this.high = 0;
    if (size === 8 && address % 8 === 0) this.high = this.#readWord(address + 4);
    else if (size !== 4 || address % 4 !== 0) return 0;
    return this.#readWord(address);
  }

  write(_vcpu: number, address: number, size: number, low: number, high: number): void {
    if (size === 8 && address % 8 === 0) {
      this.#writeWord(address, low);
      this.#writeWord(address + 4, high);
    } else if (size === 4 && address % 4 === 0) this.#writeWord(address, low);
  }

  /** Where MSI `channel * MSI_VECTORS + vector` goes. */
  routeOf(msi: number): MsiRoute {
    const { registers } = this.#channels[Math.floor(msi / MSI_VECTORS)];
    return {
      address: registers.addressHigh * 2 ** 32 + registers.addressLow,
      eventId: (registers.firstEvent + (msi % MSI_VECTORS)) >>> 0,
      deviceId: registers.deviceId,
    };
  }

  save(): MsiDeviceState {
    return structuredClone(this.#channels);
  }

  /** Takes a state that `checkMsiDeviceState` accepts. */
  restore(state: MsiDeviceState): void {
    this.#channels = structuredClone(state);
    this.#plan();
  }

  #channelAt(address: number): MsiChannelState {
    return this.#channels[Math.floor((address % 0x1000) / MSI_CHANNEL_SIZE)];
  }

  #readWord(address: number): number {
    const channel = this.#channelAt(address);
    const offset = address % MSI_CHANNEL_SIZE;
    const stored = STORED_AT.get(offset);
    if (stored) return channel.registers[stored];
    if (offset === OFFSET.busy) return channel.busy;
    if (offset === OFFSET.undelivered) return channel.undelivered;
    for (const counts of ['sent', 'owed'] as const) {
      const vector = (offset - OFFSET[counts]) / 4;
      if (vector >= 0 && vector < MSI_VECTORS) return channel[counts][vector];
    }
    return 0;
  }

  #writeWord(address: number, value: number): void {
    const channel = this.#channelAt(address);
    const offset = address % MSI_CHANNEL_SIZE;
    const stored = STORED_AT.get(offset);
    if (stored) {
      const before = channel.registers[stored];
      channel.registers[stored] = (value & STORED[stored].mask) >>> 0;
      if (stored === 'control') this.#control(channel);
      else if (ROUTE.has(stored) && channel.registers[stored] !== before) {
        this.#host.rerouted?.(this.#channels.indexOf(channel));
      }
    } else if (value >= MSI_VECTORS) return;
    else if (offset === OFFSET.trigger) this.#send(channel, value);
    else if (offset === OFFSET.acknowledge) this.#acknowledge(channel, value);
  }

  #control(channel: MsiChannelState): void {
    const { registers } = channel;
    const runs = (registers.control & RUN) !== 0 && registers.count > 0;
    if (!runs) this.#stop(channel);
    else if (channel.due === null) {
      channel.next = 0;
      channel.due = this.#host.now() + Math.max(registers.period, SHORTEST_PERIOD);
    }
    this.#plan();
  }

  #stop(channel: MsiChannelState): void {
    channel.registers.control &= ~RUN;
    channel.due = null;
  }

  #plan(): void {
    this.deadline = Math.min(...this.#channels.map(({ due }) => due ?? Number.POSITIVE_INFINITY));
  }

  #send(channel: MsiChannelState, vector: number): void {
    const { registers } = channel;
    if (registers.control & HANDSHAKE) {
      if (channel.busy & (1 << vector)) {
        channel.owed[vector] = (channel.owed[vector] + 1) >>> 0;
        return;
      }
      channel.busy = (channel.busy | (1 << vector)) >>> 0;
    }
    channel.sent[vector] = (channel.sent[vector] + 1) >>> 0;
    const msi = this.#channels.indexOf(channel) * MSI_VECTORS + vector;
    const { address, eventId, deviceId } = this.routeOf(msi);
    if (!this.#host.signal(address, eventId, deviceId, msi)) channel.undelivered = (channel.undelivered + 1) >>> 0;
  }

  #acknowledge(channel: MsiChannelState, vector: number): void {
    channel.busy = (channel.busy & ~(1 << vector)) >>> 0;
    if (channel.owed[vector] === 0) return;
    channel.owed[vector]--;
    this.#send(channel, vector);
  }
}

function vectorsOf({ registers }: MsiChannelState): number {
  return Math.min(Math.max(registers.vectors, 1), MSI_VECTORS);
}

/** Says what is impossible in a saved device, or undefined when it can be restored; no channels for one that is not there. */
export function checkMsiDeviceState(state: unknown, isThere = true): string | undefined {
  if (!Array.isArray(state) || state.length !== (isThere ? MSI_CHANNELS : 0))
    return 'the MSI device has another number of channels';
  for (const [n, channel] of state.entries()) {
    const { registers, next, due, busy, undelivered, sent, owed } = (channel ?? {}) as Partial<MsiChannelState>;
    const possible =
      STORED_NAMES.every((name) => isWord(registers?.[name], STORED[name].mask)) &&
      isWord(next, MSI_VECTORS - 1) &&
      (due === null || (Number.isSafeInteger(due) && due! >= 0)) &&
      isWord(busy, 0xffff_ffff) &&
      isWord(undelivered, 0xffff_ffff) &&
      [sent, owed].every(
        (list) =>
          Array.isArray(list) && list.length === MSI_VECTORS && list.every((count) => isWord(count, 0xffff_ffff)),
      );
    if (!possible) return `channel ${n} of the MSI device is impossible`;
  }
  return undefined;
}

/** Whether a value from outside is a number with no bits beyond a mask. */
function isWord(value: unknown, mask: number): boolean {
  return (
    Number.isInteger(value) &&
    (value as number) >= 0 &&
    (value as number) <= mask &&
    ((value as number) & mask) >>> 0 === value
  );
}
