import { parseMac } from './network/addresses.js';

/** The devices on the PCIe bus, as a configuration names them. */

interface DeviceOptions {
  'virtio-net-pci': {
    /** MAC address; 52:54:00:12:34:56 and following when left out. */
    mac: string;
  };
  'virtio-blk-pci': {
    /** The guest may not write; false when left out. */
    readonly: boolean;
  };
  'virtio-console-pci': object;
  'virtio-rng-pci': {
    /** Of the generator: the same seed, the same bytes. 0 when left out. */
    seed: number;
  };
}

export type DeviceType = keyof DeviceOptions;

/** A device with every value said. */
export type CompleteDevice = { [Type in DeviceType]: { type: Type; slot: number } & DeviceOptions[Type] }[DeviceType];

/** A device to put on the bus; what is left out is filled in. */
export type DeviceConfig = {
  [Type in DeviceType]: {
    type: Type;
    /** Its device number on bus 0, 1 to 31; the first free one when left out. */
    slot?: number;
  } & Partial<DeviceOptions[Type]>;
}[DeviceType];

/** Slot 0 is the host bridge's own. */
const FIRST_SLOT = 1;
const LAST_SLOT = 31;

interface OptionRule {
  /** The value when left out, for the n-th device of its type. */
  fallback(n: number): unknown;
  allows(value: unknown): boolean;
  what: string;
}

const OPTIONS: { [Type in DeviceType]: Record<keyof DeviceOptions[Type], OptionRule> } = {
  'virtio-net-pci': {
    mac: {
      fallback: (n) => `52:54:00:12:34:${(0x56 + n).toString(16)}`,
      allows: (value) => parseMac(value) !== undefined,
      what: 'the MAC address of one station, such as 52:54:00:12:34:56',
    },
  },
  'virtio-blk-pci': {
    readonly: { fallback: () => false, allows: (value) => typeof value === 'boolean', what: 'true or false' },
  },
  'virtio-console-pci': {},
  'virtio-rng-pci': {
    seed: {
      fallback: () => 0,
      allows: (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32,
      what: 'a whole number below 2^32',
    },
  },
};

/** The types of device there are. */
export const DEVICE_TYPES = Object.keys(OPTIONS) as DeviceType[];

/** What can be said of a device of each type. */
export const DEVICE_OPTIONS: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.entries(OPTIONS).map(([type, rules]) => [type, ['slot', ...Object.keys(rules)]]),
);

/** Fills in what was left out; RangeError with one sentence when there can be no such devices. */
export function completeDevices(given: unknown): CompleteDevice[] {
  if (!Array.isArray(given)) throw new RangeError('The devices of a machine are a list.');
  if (given.length > LAST_SLOT) throw new RangeError(`A machine cannot have more than ${LAST_SLOT} devices.`);
  const counts = new Map<DeviceType, number>();
  const complete = given.map((device: unknown) => completeOptions(device, counts));
  placeDevices(complete);
  return complete as CompleteDevice[];
}

interface PlainDevice {
  type: DeviceType;
  slot?: unknown;
  [option: string]: unknown;
}

function completeOptions(given: unknown, counts: Map<DeviceType, number>): PlainDevice {
  const device = (given ?? {}) as PlainDevice;
  if (!DEVICE_TYPES.includes(device.type)) {
    throw new RangeError(`There is no device ${String(device.type)}; possible are ${DEVICE_TYPES.join(', ')}.`);
  }
  const n = counts.get(device.type) ?? 0;
  counts.set(device.type, n + 1);
  const complete: PlainDevice = { type: device.type, slot: device.slot };
  for (const [name, rule] of Object.entries<OptionRule>(OPTIONS[device.type])) {
    const value = device[name] ?? rule.fallback(n);
    if (!rule.allows(value)) {
      throw new RangeError(`A ${device.type} cannot have ${name} ${String(value)}; possible is ${rule.what}.`);
    }
    complete[name] = value;
  }
  const stray = Object.keys(device).find((name) => !(name in complete));
  if (stray !== undefined) throw new RangeError(`A ${device.type} has no option ${stray}.`);
  return complete;
}

function placeDevices(devices: PlainDevice[]): void {
  const taken = new Set<unknown>();
  for (const { type, slot } of devices) {
    if (slot === undefined) continue;
    if (!Number.isInteger(slot) || (slot as number) < FIRST_SLOT || (slot as number) > LAST_SLOT) {
      throw new RangeError(`A ${type} cannot have slot ${String(slot)}; possible is ${FIRST_SLOT} to ${LAST_SLOT}.`);
    }
    if (taken.has(slot)) throw new RangeError(`Two devices cannot have slot ${String(slot)}.`);
    taken.add(slot);
  }
  let free = FIRST_SLOT;
  for (const device of devices) {
    if (device.slot !== undefined) continue;
    while (taken.has(free)) free++;
    device.slot = free;
    taken.add(free);
  }
}
