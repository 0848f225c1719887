import { hex, hex64, type Operation } from '../generator/protocol.js';

/**
 * What happens to a GIC, one thing at a time. All steps have the same fields, so that none costs a shape of its own; what a
 * step does not use is 0.
 *
 * | op | vcpu | name | at | low, high |
 * | --- | --- | --- | --- | --- |
 * | `read`, `write` | who | a register; an array without its prefix | its number in an array, an INTID where a field is bytes | what is written |
 * | `line` | whose PPI | | INTID | the level |
 * | `msi` | | | EventID | DeviceID |
 * | `command` | who | of the ITS | EventID | see `commands` |
 * | `configure` | who | | EventID | a LPI's configuration byte and INV |
 * | `enter`, `exit`, `wait` | who | | | |
 * | `move` | | | list registers of the host that the GIC is restored on | |
 */
export interface Step {
  op: 'read' | 'write' | 'line' | 'msi' | 'command' | 'configure' | 'enter' | 'exit' | 'wait' | 'move';
  vcpu: number;
  name: string;
  at: number;
  /** Whose redistributor is accessed; its own, unless a vCPU reaches for that of another. */
  of: number;
  /** Bytes of an access. */
  size: number;
  low: number;
  high: number;
  /** Of `command` and `configure`. */
  device: number;
  intid: number;
  collection: number;
}

export function step(op: Step['op'], vcpu: number, name = '', at = 0, low = 0, high = 0, size = 4): Step {
  return { op, vcpu, of: vcpu, name, at, size, low: low >>> 0, high: high >>> 0, device: 0, intid: 0, collection: 0 };
}

export function command(vcpu: number, name: string, device = 0, event = 0, intid = 0, collection = 0): Step {
  return { ...step('command', vcpu, name, event), device, intid, collection };
}

/** The same access to the redistributor of another vCPU. */
export const ofAnother = (access: Step, of: number): Step => ({ ...access, of });

/** For people and files, without what is 0; `value` is hexadecimal, so that it is shrunk bit by bit. */
export function operationOf({ op, vcpu, of, name, at, size, low, high, device, intid, collection }: Step): Operation {
  const operation: Operation = { op, vcpu };
  if (of !== vcpu) operation.of = of;
  if (name !== '') operation.reg = name;
  if (at !== 0) operation.at = at;
  if (size !== 4) operation.size = size;
  if (op === 'write' || op === 'line' || op === 'configure') operation.value = high === 0 ? hex(low) : hex64(high, low);
  else if (low !== 0) operation.low = low;
  if (device !== 0) operation.device = device;
  if (intid !== 0) operation.intid = intid;
  if (collection !== 0) operation.collection = collection;
  return operation;
}

export function stepOf(operation: Operation): Step {
  const number = (name: string, otherwise = 0): number => Number(operation[name] ?? otherwise);
  const value = BigInt(String(operation.value ?? '0x0'));
  return {
    op: operation.op as Step['op'],
    vcpu: number('vcpu'),
    of: number('of', number('vcpu')),
    name: String(operation.reg ?? ''),
    at: number('at'),
    size: number('size', 4),
    low: operation.value === undefined ? number('low') : Number(value & 0xffffffffn),
    high: Number(value >> 32n),
    device: number('device'),
    intid: number('intid'),
    collection: number('collection'),
  };
}
