import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import {
  type Backends,
  type CompleteDevice,
  DEVICE_OPTIONS,
  DEVICE_TYPES,
  type DeviceConfig,
  type DeviceType,
  type Disk,
} from '@vgic/machine';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { unreadableBecause } from './input-file.js';
import { Refusal, STATUS } from './refusal.js';
import { didYouMean } from './suggestion.js';

/** A device named on the command line: how the machine has it, and what it has of this computer. */
export interface DeviceRequest {
  config: DeviceConfig;
  /** virtio-blk-pci: the file with its sectors. */
  file?: string;
  /** virtio-console-pci: the file that gets what the guest writes; without it, standard output. */
  path?: string;
}

/** The options of a device of which the machine knows nothing. */
const OF_THIS_COMPUTER: Record<string, keyof Omit<DeviceRequest, 'config'>> = {
  'virtio-blk-pci': 'file',
  'virtio-console-pci': 'path',
};

/** Adds `--device` to a command. */
export function addDeviceOptions(command: Command): Command {
  return command.addOption(
    new Option(
      '--device <device>',
      'put a device on the PCIe bus, such as virtio-net-pci or virtio-blk-pci,file=disk.img; may be repeated',
    )
      .argParser((text: string, before: DeviceRequest[]) => [...before, parseDevice(text)])
      .default([], 'none'),
  );
}

/** `TYPE[,OPTION[=VALUE]]…`. Values are checked where the machine is built. */
export function parseDevice(text: string): DeviceRequest {
  const [type, ...parts] = text.split(',');
  if (!(DEVICE_TYPES as string[]).includes(type))
    throw new InvalidArgumentError(`Possible are ${DEVICE_TYPES.join(', ')}.${didYouMean(type, DEVICE_TYPES)}`);
  const values: Record<string, string | true> = {};
  for (const part of parts) {
    const [, name, , value] = /^([^=]*)(=(.*))?$/s.exec(part)!;
    if (name === '' || value === '') throw new InvalidArgumentError('An option is NAME or NAME=VALUE.');
    checkOption(type as DeviceType, name);
    if (Object.hasOwn(values, name)) throw new InvalidArgumentError(`${name} is given twice.`);
    values[name] = value ?? true;
  }
  const request: DeviceRequest = { config: { type } as DeviceConfig };
  for (const [name, value] of Object.entries(values)) {
    if (OF_THIS_COMPUTER[type] !== name) {
      const isNumber = value !== true && /^\d+$/.test(value);
      Object.assign(request.config, { [name]: isNumber ? Number(value) : value });
    } else if (value === true) throw new InvalidArgumentError(`${name} needs a value.`);
    else request[OF_THIS_COMPUTER[type]] = value;
  }
  if (type === 'virtio-blk-pci' && request.file === undefined)
    throw new InvalidArgumentError('A virtio-blk-pci needs file=PATH.');
  return request;
}

function checkOption(type: DeviceType, name: string): void {
  const options = [...DEVICE_OPTIONS[type], ...(OF_THIS_COMPUTER[type] === undefined ? [] : [OF_THIS_COMPUTER[type]])];
  if (options.includes(name)) return;
  throw new InvalidArgumentError(
    `A ${type} has no option ${name}; possible are ${options.join(', ')}.${didYouMean(name, options)}`,
  );
}

/** What the devices of a machine have of this computer, networks apart. `requests` are for the devices of their types, in order. */
export function openBackends(devices: readonly CompleteDevice[], requests: readonly DeviceRequest[]): Backends {
  const disks: Record<number, Disk> = {};
  const consoles: Record<number, (bytes: Uint8Array) => void> = {};
  const left = [...requests];
  for (const device of devices) {
    const at = left.findIndex(({ config }) => config.type === device.type);
    const [request] = at < 0 ? [] : left.splice(at, 1);
    if (device.type === 'virtio-console-pci') consoles[device.slot] = openOutput(request?.path);
    if (device.type !== 'virtio-blk-pci') continue;
    if (request?.file === undefined) {
      throw new Refusal(
        `The machine has a virtio-blk-pci at slot ${device.slot}: say which file it has, by --device virtio-blk-pci,file=PATH.`,
      );
    }
    disks[device.slot] = openDisk(request.file, device.readonly);
  }
  if (left.length > 0) throw new Refusal(`The machine has no ${left[0].config.type} beside those already named.`);
  return { disks, consoles };
}

/** A file that gets bytes at its end, begun anew. */
function openOutput(path: string | undefined): (bytes: Uint8Array) => void {
  if (path === undefined) return (bytes) => void process.stdout.write(bytes);
  let descriptor: number;
  try {
    descriptor = openSync(path, 'w');
  } catch (error) {
    throw new Refusal(`${path} cannot be written: ${unreadableBecause(error as NodeJS.ErrnoException)}.`);
  }
  return (bytes) => {
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
    } catch (error) {
      throw new Refusal(`${path} cannot be written: ${(error as Error).message}.`, STATUS.failed);
    }
  };
}

/** A file of whole sectors as a disk. */
function openDisk(path: string, readonly: boolean): Disk {
  let descriptor: number;
  try {
    descriptor = openSync(path, readonly ? 'r' : 'r+');
  } catch (error) {
    throw new Refusal(`The disk ${path} cannot be opened: ${unreadableBecause(error as NodeJS.ErrnoException)}.`);
  }
  const status = fstatSync(descriptor);
  if (!status.isFile() || status.size % 512 !== 0) {
    closeSync(descriptor);
    throw new Refusal(`${path} is no disk: it is not a file of whole sectors of 512 bytes.`);
  }
  return {
    size: status.size,
    read: (offset, into) => transfer(into, offset, (part, at) => readSync(descriptor, part, 0, part.length, at)),
    write: (offset, bytes) => transfer(bytes, offset, (part, at) => writeSync(descriptor, part, 0, part.length, at)),
    flush: () => fsyncSync(descriptor),
  };
}

/** Moves all of the bytes, in as many calls as that takes. */
function transfer(bytes: Uint8Array, offset: number, move: (part: Uint8Array, at: number) => number): void {
  for (let done = 0; done < bytes.length; ) {
    const count = move(bytes.subarray(done), offset + done);
    if (count === 0) throw new Error('the file has become shorter');
    done += count;
  }
}
