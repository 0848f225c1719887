import { describe, expect, it } from 'vitest';
import { Ram } from '../src/index.js';
import * as uapi from '../src/kvm/index.js';
import { RAM_BASE, VALID } from './its-guest.js';
import { machineWithDevice, nameOf, readyMachine } from './machine.js';

/** The ITS by KVM's device API: arm-vgic-its.rst, and KVM_SIGNAL_MSI of api.rst. */

const ITS = 0x08080000n;
const { KVM_DEV_ARM_VGIC_GRP_ADDR: ADDR, KVM_DEV_ARM_VGIC_GRP_CTRL: CTRL, KVM_DEV_ARM_VGIC_GRP_ITS_REGS: REGS } = uapi;
const INIT = BigInt(uapi.KVM_DEV_ARM_VGIC_CTRL_INIT);
const SAVE = BigInt(uapi.KVM_DEV_ARM_ITS_SAVE_TABLES);
const RESTORE = BigInt(uapi.KVM_DEV_ARM_ITS_RESTORE_TABLES);
const RESET = BigInt(uapi.KVM_DEV_ARM_ITS_CTRL_RESET);
const ADDR_TYPE = BigInt(uapi.KVM_VGIC_ITS_ADDR_TYPE);

const CTLR = 0x0n;
const IIDR = 0x4n;
const TYPER = 0x8n;
const CBASER = 0x80n;
const CWRITER = 0x88n;
const CREADR = 0x90n;
const BASER0 = 0x100n;
const BASER1 = 0x108n;

const memory = () => new Ram(RAM_BASE, new Uint8Array(4 << 20));

function withIts() {
  const { machine, device, guest } = readyMachine(3, { memory: memory() });
  expect(machine.createIts()).toBe(0);
  const [its] = device.its;
  const set = (group: number, attr: bigint, value?: bigint) =>
    nameOf(its.set(group, attr, value === undefined ? undefined : { value }));
  const get = (group: number, attr: bigint): bigint | string => {
    const buffer = { value: 0n };
    const result = its.get(group, attr, buffer);
    return result === 0 ? buffer.value : String(nameOf(result));
  };
  const has = (group: number, attr: bigint) => nameOf(its.has(group, attr));
  return { machine, device, guest, its, set, get, has };
}

function placed() {
  const all = withIts();
  expect(all.set(ADDR, ADDR_TYPE, ITS)).toBe(0);
  return all;
}

/** Placed, with tables and queue, LPIs on for both vCPUs. */
function enabled() {
  const all = placed();
  all.guest.prepare();
  all.set(REGS, CBASER, VALID | BigInt(RAM_BASE + 0x100000));
  all.set(REGS, BASER0, VALID | BigInt(RAM_BASE + 0x200000));
  all.set(REGS, BASER1, VALID | BigInt(RAM_BASE + 0x210000));
  for (const vcpu of [0, 1]) {
    all.guest.store('GICR_PROPBASER', RAM_BASE + 15, 0, vcpu, 8);
    all.guest.store('GICR_PENDBASER', RAM_BASE + 0x10000 * (vcpu + 1), 0, vcpu, 8, 1 << 30);
    all.guest.store('GICR_CTLR', 1, 0, vcpu);
  }
  expect(all.set(REGS, CTLR, 1n)).toBe(0);
  return all;
}

describe('creation of an ITS', () => {
  it('needs a VGIC, guest RAM and a GICv3 host', () => {
    const { machine: withoutMemory } = machineWithDevice(3);
    expect(nameOf(withoutMemory.createIts())).toBe('ENODEV');
    const { machine: version2 } = machineWithDevice(2, { memory: memory() }, { version: 2 });
    expect(nameOf(version2.createIts())).toBe('ENODEV');
  });

  it('can be done several times', () => {
    const { machine, device } = readyMachine(3, { memory: memory() });
    expect([machine.createIts(), machine.createIts(), device.its.length]).toEqual([0, 1, 2]);
  });
});

describe('KVM_DEV_ARM_VGIC_GRP_ADDR of an ITS', () => {
  it('is set once, aligned to 64 KiB, within the addresses that the guest has', () => {
    const { set, get } = withIts();
    expect(get(ADDR, ADDR_TYPE)).toBe(0xffffffffffffffffn);
    expect(set(ADDR, ADDR_TYPE)).toBe('EFAULT');
    expect(set(ADDR, ADDR_TYPE, ITS + 0x1000n)).toBe('EINVAL');
    expect(set(ADDR, ADDR_TYPE, 1n << 40n)).toBe('E2BIG');
    expect(set(ADDR, ADDR_TYPE, ITS)).toBe(0);
    expect(get(ADDR, ADDR_TYPE)).toBe(ITS);
    expect(set(ADDR, ADDR_TYPE, ITS)).toBe('EEXIST');
  });

  it('other types of address are ENODEV, and unknown: ENXIO', () => {
    const { set, get, has } = withIts();
    for (const type of [0n, 2n, 3n, 5n]) {
      expect([set(ADDR, type, ITS), get(ADDR, type), has(ADDR, type)]).toEqual(['ENODEV', 'ENODEV', 'ENXIO']);
    }
    expect(has(ADDR, ADDR_TYPE)).toBe(0);
  });
});

describe('KVM_DEV_ARM_VGIC_GRP_CTRL of an ITS', () => {
  it('has INIT, RESET, SAVE_TABLES and RESTORE_TABLES, and no other', () => {
    const { has } = withIts();
    expect([INIT, RESET, SAVE, RESTORE].map((attr) => has(CTRL, attr))).toEqual([0, 0, 0, 0]);
    expect([3n, 5n, 1n << 32n].map((attr) => has(CTRL, attr))).toEqual(['ENXIO', 'ENXIO', 'ENXIO']);
    expect([has(1, 0n), has(9, 0n)]).toEqual(['ENXIO', 'ENXIO']);
  });

  it.each([
    ['RESET', RESET],
    ['SAVE_TABLES', SAVE],
    ['RESTORE_TABLES', RESTORE],
  ])('%s is refused while a vCPU runs: EBUSY', (_name, attr) => {
    const { machine, set } = placed();
    machine.setRunning(1, true);
    expect(set(CTRL, attr)).toBe('EBUSY');
    machine.setRunning(1, false);
    machine.load(0);
    expect(set(CTRL, attr)).toBe('EBUSY');
    machine.put(0);
    expect(set(CTRL, attr)).toBe(0);
  });

  it('SAVE_TABLES and RESTORE_TABLES without valid tables do nothing, successfully', () => {
    const { set, device } = placed();
    expect([set(CTRL, SAVE), set(CTRL, RESTORE)]).toEqual([0, 0]);
    expect(device.model.its[0].devices.size).toBe(0);
  });

  it('can’t be read: ENXIO', () => {
    expect(placed().get(CTRL, RESET)).toBe('ENXIO');
  });

  it('RESET disables the ITS, empties the queue, drops all translations and takes the tables’ Valid bits', () => {
    const { machine, device, set, get } = enabled();
    const its = device.model.its[0];
    set(REGS, CREADR, 0n);
    its.collections.set(0, 0);
    const baser = get(REGS, BASER0) as bigint;
    expect(set(CTRL, RESET)).toBe(0);
    expect([get(REGS, CTLR), get(REGS, CBASER), get(REGS, CREADR), get(REGS, CWRITER)]).toEqual([
      0x80000000n,
      0n,
      0n,
      0n,
    ]);
    expect(get(REGS, BASER0)).toBe(baser & ~VALID);
    expect(its.collections.size).toBe(0);
    expect(nameOf(machine.signalMsi(Number(ITS), 0, 1))).toBe('EBUSY');
  });
});

describe('KVM_DEV_ARM_VGIC_GRP_ITS_REGS', () => {
  it('is refused before the ITS has its address: ENXIO; while a vCPU runs: EBUSY', () => {
    const { machine, set, get } = withIts();
    expect([set(REGS, CTLR, 0n), get(REGS, CTLR)]).toEqual(['ENXIO', 'ENXIO']);
    set(ADDR, ADDR_TYPE, ITS);
    machine.setRunning(0, true);
    expect([set(REGS, CTLR, 0n), get(REGS, CTLR)]).toEqual(['EBUSY', 'EBUSY']);
    machine.setRunning(0, false);
    expect([set(REGS, CTLR, 0n), get(REGS, CTLR)]).toEqual([0, 0x80000000n]);
    expect(set(REGS, CTLR)).toBe('EFAULT');
  });

  it.each([
    ['GITS_CTLR', CTLR, 0],
    ['GITS_IIDR', IIDR, 0],
    ['GITS_TYPER', TYPER, 0],
    ['GITS_CBASER', CBASER, 0],
    ['GITS_CWRITER', CWRITER, 0],
    ['GITS_CREADR', CREADR, 0],
    ['GITS_BASER7', 0x138n, 0],
    ['GITS_PIDR4', 0xffd0n, 0],
    ['GITS_CIDR3', 0xfffcn, 0],
    ['a register that is none', 0x60n, 'ENXIO'],
    ['GITS_TRANSLATER', 0x10040n, 'ENXIO'],
    ['what is behind the frames', 0x20000n, 'ENXIO'],
    ['the upper half of GITS_TYPER', 0xcn, 'EINVAL'],
    ['the upper half of GITS_CBASER', 0x84n, 'EINVAL'],
    ['a misaligned GITS_CTLR', 0x2n, 'EINVAL'],
  ])('has %s: %s %s', (_name, attr, result) => {
    const { get, has } = placed();
    expect(has(REGS, attr)).toBe(result);
    if (result !== 0) expect(get(REGS, attr)).toBe(result);
    else expect(typeof get(REGS, attr)).toBe('bigint');
  });

  it('GITS_IIDR takes the revisions of the table ABI that there are: 0', () => {
    const { set, get } = placed();
    expect(set(REGS, IIDR, 0x4b00043bn)).toBe(0);
    expect(set(REGS, IIDR, 0x4b00143bn)).toBe('EINVAL');
    expect(get(REGS, IIDR)).toBe(0x4b00043bn);
  });

  it('GITS_CREADR can be set within the queue of a disabled ITS', () => {
    const { set, get } = placed();
    set(REGS, CBASER, VALID | BigInt(RAM_BASE));
    expect([set(REGS, CREADR, 0xfe0n), get(REGS, CREADR)]).toEqual([0, 0xfe0n]);
    expect(set(REGS, CREADR, 0x1000n)).toBe('EINVAL');
    const other = enabled();
    expect(other.set(REGS, CREADR, 0n)).toBe('EBUSY');
  });

  it('GITS_CREADR and then GITS_CWRITER restore a queue with commands in it, which GITS_CTLR then has carried out', () => {
    const { set, get } = placed();
    set(REGS, CBASER, VALID | BigInt(RAM_BASE + 0x100000));
    set(REGS, CREADR, 0x20n);
    set(REGS, CWRITER, 0x60n);
    expect([get(REGS, CREADR), get(REGS, CWRITER), get(REGS, CTLR)]).toEqual([0x20n, 0x60n, 0n]);
    set(REGS, BASER0, VALID | BigInt(RAM_BASE + 0x200000));
    set(REGS, BASER1, VALID | BigInt(RAM_BASE + 0x210000));
    set(REGS, CTLR, 1n);
    expect([get(REGS, CREADR), get(REGS, CTLR)]).toEqual([0x60n, 0x80000001n]);
  });
});

describe('KVM_SIGNAL_MSI', () => {
  const DOORBELL = Number(ITS) + 0x10040;

  function mapped() {
    const all = enabled();
    const its = all.device.model.its[0];
    all.machine.memory?.bytes.fill(0xa1, 0, 0x4000);
    const submit = (words: readonly bigint[]) => {
      const writer = all.get(REGS, CWRITER) as bigint;
      for (const [n, word] of words.entries()) {
        const at = RAM_BASE + 0x100000 + Number(writer) + 8 * n;
        all.machine.memory?.store64(at, Number(word & 0xffffffffn), Number(word >> 32n));
      }
      expect(all.set(REGS, CWRITER, writer + 32n)).toBe(0);
    };
    submit([0x09n, 0n, VALID, 0n]); // MAPC 0 to vCPU 0
    for (const device of [0n, 3n]) {
      submit([0x08n | (device << 32n), 4n, VALID | BigInt(RAM_BASE + 0x220000) | (device << 8n), 0n]);
      submit([0x0an | (device << 32n), (8192n + device) << 32n, 0n, 0n]);
    }
    expect(its.devices.size).toBe(2);
    return all;
  }

  it('answers 1 delivered, 0 not mapped', () => {
    const { machine } = mapped();
    expect(machine.signalMsi(DOORBELL, 0, 3)).toBe(1);
    expect([machine.signalMsi(DOORBELL, 1, 3), machine.signalMsi(DOORBELL, 0, 4)]).toEqual([0, 0]);
  });

  it('a disabled LPI counts as delivered: its latch is set', () => {
    const { machine, device, guest } = mapped();
    machine.memory?.bytes.fill(0xa0, 0, 0x4000);
    guest.store('GICR_INVALLR', 0, 0, 0, 8);
    expect(machine.signalMsi(DOORBELL, 0, 3)).toBe(1);
    expect(device.model.hasPending(0)).toBe(false);
    machine.memory?.bytes.fill(0xa1, 0, 0x4000);
    guest.store('GICR_INVALLR', 0, 0, 0, 8);
    expect(guest.serve()).toEqual([8195]);
  });

  it('without KVM_MSI_VALID_DEVID is EINVAL, except that a cached translation of device 0 is found', () => {
    const { machine } = mapped();
    expect(nameOf(machine.signalMsi(DOORBELL, 0, undefined))).toBe('EINVAL');
    expect(machine.signalMsi(DOORBELL, 0, 0)).toBe(1);
    expect(machine.signalMsi(DOORBELL, 0, undefined)).toBe(1);
  });

  it('to an address that is no ITS’s is EINVAL; without an ITS ENODEV', () => {
    const { machine } = mapped();
    expect(nameOf(machine.signalMsi(DOORBELL + 0x20000, 0, 3))).toBe('EINVAL');
    expect(nameOf(machine.signalMsi(0x08000000, 0, 3))).toBe('EINVAL');
    const { machine: without } = readyMachine(3, { memory: memory() });
    expect(nameOf(without.signalMsi(DOORBELL, 0, 3))).toBe('ENODEV');
  });

  it('is EBUSY while the ITS, or LPIs at the target, are disabled', () => {
    const { machine, set, guest } = mapped();
    guest.store('GICR_CTLR', 0, 0, 0);
    expect(nameOf(machine.signalMsi(DOORBELL, 0, 3))).toBe('EBUSY');
    guest.store('GICR_CTLR', 1, 0, 0);
    expect(machine.signalMsi(DOORBELL, 0, 3)).toBe(1);
    set(REGS, CTLR, 0n);
    expect(nameOf(machine.signalMsi(DOORBELL, 0, 3))).toBe('EBUSY');
  });

  it('is what an irqfd does whose GSI is routed to an MSI', () => {
    const { machine, guest } = mapped();
    machine.routing.set([{ gsi: 5, type: 'msi', doorbell: BigInt(DOORBELL), deviceId: 3, data: 0 }]);
    expect(machine.irqfd(5, true)).toBe(1);
    expect(guest.serve()).toEqual([8195]);
  });
});
