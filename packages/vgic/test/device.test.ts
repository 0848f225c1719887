import { describe, expect, it } from 'vitest';
import { GicError } from '../src/index.js';
import {
  KVM_DEV_ARM_VGIC_GRP_ADDR as ADDR,
  KVM_DEV_ARM_VGIC_GRP_CPU_REGS as CPU_REGS,
  KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS as CPU_SYSREGS,
  KVM_DEV_ARM_VGIC_GRP_CTRL as CTRL,
  KVM_DEV_ARM_VGIC_GRP_DIST_REGS as DIST_REGS,
  Host,
  KVM_DEV_ARM_VGIC_CTRL_INIT,
  KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES,
  KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO as LEVEL_INFO,
  KVM_DEV_ARM_VGIC_GRP_NR_IRQS as NR_IRQS,
  KVM_DEV_ARM_VGIC_GRP_REDIST_REGS as REDIST_REGS,
  VGIC_ADDR_UNDEF,
  VirtualMachine,
} from '../src/kvm/index.js';
import { GICD_BASE, GICR_BASE, GICV_BASE } from './guest.js';
import { emptyMachine, HOST, initialise, machineWithDevice, nameOf, readyMachine } from './machine.js';

/** Linux, Documentation/virt/kvm/devices/arm-vgic.rst and arm-vgic-v3.rst: groups, attributes and errors. */

const DIST_V2 = 0n;
const CPU_V2 = 1n;
const DIST_V3 = 2n;
const REDIST = 3n;
const REDIST_REGION = 5n;

const buffer = (value: bigint | number) => ({ value: BigInt(value) });
const region = (count: number, base: number, index: number, flags = 0) =>
  buffer((BigInt(count) << 52n) | BigInt(base) | (BigInt(flags) << 12n) | BigInt(index));

describe('KVM_CREATE_DEVICE', () => {
  it.each([
    ['a GICv3 on a GICv2 host', 3, {}, { version: 2 }, 'ENODEV'],
    ['a GICv2 with more than 8 vCPUs', 2, { vcpus: 9 }, {}, 'E2BIG'],
    ['a GICv2 with 8 vCPUs', 2, { vcpus: 8 }, {}, 0],
    ['a GICv2 on a GICv3 host', 2, {}, {}, 0],
    ['a GICv2 on a GICv2 host', 2, {}, { version: 2 }, 0],
    ['a GICv3 with 512 vCPUs', 3, { vcpus: 512 }, {}, 0],
  ] as const)('of %s answers as KVM', (_what, version, config, host, result) => {
    expect(nameOf(emptyMachine(config, host).createDevice(version))).toBe(result);
  });

  it('a second time answers EEXIST, of either version', () => {
    const { machine } = machineWithDevice(3);
    expect([nameOf(machine.createDevice(3)), nameOf(machine.createDevice(2))]).toEqual(['EEXIST', 'EEXIST']);
  });

  it('answers EBUSY while a vCPU runs', () => {
    const machine = emptyMachine();
    machine.setRunning(1, true);
    expect(nameOf(machine.createDevice(3))).toBe('EBUSY');
    machine.setRunning(1, false);
    expect(machine.createDevice(3)).toBe(0);
  });

  it.each([0, 513, 1.5, -1, Number.NaN])('a virtual machine of %d vCPUs is refused with a GicError', (vcpus) => {
    expect(() => new VirtualMachine(new Host(HOST), { vcpus })).toThrow(GicError);
  });

  it.each([{ version: 4 }, { listRegisters: 0 }, { listRegisters: 17 }, { priorityBits: 4 }, { priorityBits: 9 }])(
    'a host with %j is refused with a GicError',
    (wrong) => {
      expect(() => new Host({ ...HOST, ...(wrong as object) })).toThrow(GicError);
    },
  );
});

describe('KVM_DEV_ARM_VGIC_GRP_NR_IRQS', () => {
  it.each([
    [0, 'EINVAL'],
    [32, 'EINVAL'],
    [63, 'EINVAL'],
    [64, 0],
    [65, 'EINVAL'],
    [96, 0],
    [992, 0],
    [1000, 'EINVAL'],
    [1024, 'EINVAL'],
    [0xffffffff, 'EINVAL'],
  ])('%i interrupts: %s', (count, result) => {
    const { device } = machineWithDevice(3);
    expect(nameOf(device.set(NR_IRQS, 0n, buffer(count)))).toBe(result);
    expect(device.read(NR_IRQS, 0n)).toBe(BigInt(result === 0 ? count : 32));
  });

  it('twice, or after the device is initialised, answers EBUSY and changes nothing', () => {
    const { device } = machineWithDevice(3);
    device.write(NR_IRQS, 0n, 64n);
    expect(nameOf(device.set(NR_IRQS, 0n, buffer(96)))).toBe('EBUSY');
    expect(device.read(NR_IRQS, 0n)).toBe(64n);
    const other = machineWithDevice(3).device;
    initialise(other);
    expect(nameOf(other.set(NR_IRQS, 0n, buffer(96)))).toBe('EBUSY');
    expect(other.read(NR_IRQS, 0n)).toBe(256n);
  });

  it('from nowhere answers EFAULT', () => {
    expect(nameOf(machineWithDevice(3).device.set(NR_IRQS, 0n, undefined))).toBe('EFAULT');
  });

  it('is the number of INTIDs that the guest finds', () => {
    const { device } = machineWithDevice(3);
    device.write(NR_IRQS, 0n, 96n);
    initialise(device);
    expect(device.gic?.irqs.count).toBe(96);
  });
});

describe('KVM_DEV_ARM_VGIC_GRP_ADDR', () => {
  it.each([
    [3, DIST_V3, 0x08000000n, 0],
    [3, DIST_V3, 0x08001000n, 'EINVAL'],
    [3, DIST_V3, 1n << 40n, 'E2BIG'],
    [3, DIST_V3, (1n << 40n) - 0x10000n, 0],
    [3, DIST_V3, 0xffff_ffff_ffff_0000n, 'EINVAL'],
    [3, REDIST, 0x080a0000n, 0],
    [3, REDIST, 0x080a1000n, 'EINVAL'],
    [3, REDIST, (1n << 40n) - 0x20000n, 'E2BIG'],
    [3, REDIST, (1n << 40n) - 0x40000n, 0],
    [3, DIST_V2, 0n, 'ENXIO'],
    [3, CPU_V2, 0n, 'ENXIO'],
    [3, 4n, 0n, 'ENXIO'],
    [3, 6n, 0n, 'ENXIO'],
    [3, DIST_V3 + (1n << 32n), 0n, 'ENXIO'],
    [2, DIST_V2, 0x08001000n, 0],
    [2, DIST_V2, 0x08000800n, 'EINVAL'],
    [2, CPU_V2, 0x08010000n, 0],
    [2, CPU_V2, (1n << 40n) - 0x1000n, 'E2BIG'],
    [2, DIST_V3, 0n, 'ENXIO'],
    [2, REDIST, 0n, 'ENXIO'],
  ] as const)('GICv%i, type %i at %i: %s', (version, type, address, result) => {
    const { device } = machineWithDevice(version);
    expect(nameOf(device.set(ADDR, type, buffer(address)))).toBe(result);
    expect(nameOf(device.has(ADDR, type))).toBe(result === 'ENXIO' ? 'ENXIO' : 0);
    if (result !== 'ENXIO') expect(device.read(ADDR, type)).toBe(result === 0 ? address : VGIC_ADDR_UNDEF);
  });

  it('the limit is the virtual machine’s own size of addresses', () => {
    const { device } = machineWithDevice(3, { ipaBits: 32 });
    expect(nameOf(device.set(ADDR, DIST_V3, buffer(1n << 32n)))).toBe('E2BIG');
    expect(device.set(ADDR, DIST_V3, buffer((1n << 32n) - 0x10000n))).toBe(0);
  });

  it.each([
    [2, DIST_V2],
    [2, CPU_V2],
    [3, DIST_V3],
    [3, REDIST],
  ] as const)('GICv%i, type %i: an address that is set stays: EEXIST', (version, type) => {
    const { device } = machineWithDevice(version);
    device.write(ADDR, type, 0x100000n);
    expect(nameOf(device.set(ADDR, type, buffer(0x900000)))).toBe('EEXIST');
    expect(device.read(ADDR, type)).toBe(0x100000n);
  });

  it('from or to nowhere answers EFAULT', () => {
    const { device } = machineWithDevice(3);
    expect(nameOf(device.set(ADDR, DIST_V3, undefined))).toBe('EFAULT');
    expect(nameOf(device.set(ADDR, REDIST_REGION, undefined))).toBe('EFAULT');
  });

  it('redistributors over the distributor are refused: EINVAL, and they are not placed', () => {
    const { device } = machineWithDevice(3);
    device.write(ADDR, DIST_V3, BigInt(GICD_BASE));
    expect(nameOf(device.set(ADDR, REDIST, buffer(GICD_BASE - 0x20000)))).toBe('EINVAL');
    expect(device.set(ADDR, REDIST, buffer(GICR_BASE))).toBe(0);
  });
});

describe('KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION', () => {
  const set = (device: ReturnType<typeof machineWithDevice>['device'], value: { value: bigint }) =>
    nameOf(device.set(ADDR, REDIST_REGION, value));

  it.each([
    ['no redistributors', region(0, 0x100000, 0), 'EINVAL'],
    ['flags', region(1, 0x100000, 0, 1), 'EINVAL'],
    ['an index that is not the next', region(1, 0x100000, 1), 'EINVAL'],
    ['an address beyond the address space', region(4, 0xff_fff8_0000, 0), 0],
    ['an end beyond the address space', region(5, 0xff_fff8_0000, 0), 'E2BIG'],
    ['room for one vCPU', region(1, 0x100000, 0), 0],
  ] as const)('with %s', (_what, value, result) => {
    expect(set(machineWithDevice(3).device, { ...value })).toBe(result);
  });

  it('regions are told one after the other, do not overlap, and do not mix with the old single region', () => {
    const { device } = machineWithDevice(3, { vcpus: 3 });
    expect(set(device, region(2, 0x100000, 0))).toBe(0);
    expect(set(device, region(1, 0x120000, 1))).toBe('EINVAL');
    expect(set(device, region(1, 0x200000, 0))).toBe('EINVAL');
    expect(nameOf(device.set(ADDR, REDIST, buffer(0x300000)))).toBe('EINVAL');
    expect(set(device, region(1, 0x200000, 1))).toBe(0);
    const old = machineWithDevice(3).device;
    old.write(ADDR, REDIST, 0x100000n);
    expect(set(old, region(1, 0x900000, 0))).toBe('EINVAL');
  });

  it('a region can be read back by its index; one that does not exist answers ENOENT', () => {
    const { device } = machineWithDevice(3);
    const told = region(2, 0x100000, 0);
    device.set(ADDR, REDIST_REGION, { ...told });
    const asked = buffer(0);
    expect(device.get(ADDR, REDIST_REGION, asked)).toBe(0);
    expect(asked.value).toBe(told.value);
    expect(nameOf(device.get(ADDR, REDIST_REGION, buffer(1)))).toBe('ENOENT');
  });

  it('vCPUs get their redistributors region by region; GICR_TYPER.Last ends each row', () => {
    const { machine, device } = machineWithDevice(3, { vcpus: 4 });
    device.write(ADDR, DIST_V3, BigInt(GICD_BASE));
    for (const [count, base, index] of [
      [1, 0x1000000, 0],
      [2, 0x2000000, 1],
      [4, 0x2040000, 2],
    ]) {
      expect(set(device, region(count, base, index))).toBe(0);
    }
    initialise(device);
    expect(machine.prepareRun(0)).toBe(0);
    const gic = machine.gic!;
    const typer = (base: number) => gic.read(0, base + 8, 4);
    const LAST = 1 << 4;
    expect([0x1000000, 0x2000000, 0x2020000, 0x2040000].map(typer)).toEqual([
      (0 << 8) | LAST,
      1 << 8,
      2 << 8, // the next region goes on right behind
      (3 << 8) | LAST,
    ]);
    expect(gic.contains(0x2060000, 4)).toBe(false);
  });

  it.each([
    ['of one redistributor that the next goes on behind', 0x1020000, 0],
    ['of one redistributor that stands alone', 0x1040000, 1 << 4],
  ])('in a region %s GICR_TYPER.Last says so', (_what, next, last) => {
    const { machine, device } = machineWithDevice(3, { vcpus: 2 });
    device.write(ADDR, DIST_V3, BigInt(GICD_BASE));
    set(device, region(1, 0x1000000, 0));
    set(device, region(1, next, 1));
    initialise(device);
    expect(machine.prepareRun(0)).toBe(0);
    expect(machine.gic!.read(0, 0x1000008, 4)).toBe(last);
  });

  it('with too few redistributors the virtual machine does not run: ENXIO', () => {
    const { machine, device } = machineWithDevice(3, { vcpus: 3 });
    device.write(ADDR, DIST_V3, BigInt(GICD_BASE));
    set(device, region(2, 0x1000000, 0));
    initialise(device);
    expect(nameOf(machine.prepareRun(0))).toBe('ENXIO');
  });
});

describe('KVM_DEV_ARM_VGIC_GRP_CTRL', () => {
  it('initialises once; a second time is no error', () => {
    const { device } = machineWithDevice(3);
    expect([initialise(device), initialise(device)]).toEqual([0, 0]);
  });

  it.each([1n, 2n, 4n, 5n, 1n << 32n])('answers ENXIO for the attribute %i', (attr) => {
    const { device } = machineWithDevice(3);
    expect([nameOf(device.set(CTRL, attr, undefined)), nameOf(device.has(CTRL, attr))]).toEqual(['ENXIO', 'ENXIO']);
  });

  it('KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES: ENXIO before initialisation and for a GICv2, EBUSY while a vCPU runs', () => {
    const attr = BigInt(KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES);
    expect(nameOf(machineWithDevice(3).device.set(CTRL, attr, undefined))).toBe('ENXIO');
    expect(nameOf(readyMachine(2).device.set(CTRL, attr, undefined))).toBe('ENXIO');
    const { machine, device } = readyMachine(3);
    expect(device.set(CTRL, attr, undefined)).toBe(0);
    machine.setRunning(0, true);
    expect(nameOf(device.set(CTRL, attr, undefined))).toBe('EBUSY');
  });
});

describe('the order of creation', () => {
  it('a vCPU does not run without a device: ENXIO', () => {
    expect(nameOf(emptyMachine().prepareRun(0))).toBe('ENXIO');
  });

  it.each([
    [2, []],
    [2, [[DIST_V2, GICD_BASE]]],
    [2, [[CPU_V2, GICV_BASE]]],
    [3, []],
    [3, [[DIST_V3, GICD_BASE]]],
    [3, [[REDIST, GICR_BASE]]],
  ] as const)('a vCPU of a GICv%i does not run while an address is missing: ENXIO, then EIO', (version, addresses) => {
    const { machine, device } = machineWithDevice(version);
    for (const [type, base] of addresses) device.write(ADDR, type, BigInt(base));
    initialise(device);
    expect([nameOf(machine.enter(0)), nameOf(machine.enter(0)), nameOf(machine.enter(1))]).toEqual([
      'ENXIO',
      'EIO',
      'EIO',
    ]);
  });

  it('a GICv2’s frames that overlap do not run: EINVAL', () => {
    const { machine, device } = machineWithDevice(2);
    device.write(ADDR, DIST_V2, 0x1000n);
    device.write(ADDR, CPU_V2, 0x0n);
    expect(nameOf(machine.prepareRun(0))).toBe('EINVAL');
  });

  it('a GICv3 must be initialised before it runs: EBUSY; a GICv2 initialises itself', () => {
    const v3 = machineWithDevice(3);
    v3.device.write(ADDR, DIST_V3, BigInt(GICD_BASE));
    v3.device.write(ADDR, REDIST, BigInt(GICR_BASE));
    expect(nameOf(v3.machine.prepareRun(0))).toBe('EBUSY');
    const v2 = machineWithDevice(2);
    v2.device.write(ADDR, DIST_V2, BigInt(GICD_BASE));
    v2.device.write(ADDR, CPU_V2, BigInt(GICV_BASE));
    expect(v2.machine.prepareRun(0)).toBe(0);
    expect(v2.machine.gic).toBeDefined();
  });

  it.each([-1, 2, 1.5, Number.NaN])('vCPU %d does not exist: EINVAL', (vcpu) => {
    const { machine } = readyMachine(3);
    expect(
      [
        machine.enter(vcpu),
        machine.exit(vcpu, true),
        machine.load(vcpu),
        machine.put(vcpu),
        machine.setRunning(vcpu, true),
      ].map(nameOf),
    ).toEqual(Array(5).fill('EINVAL'));
  });
});

describe('register groups: errors', () => {
  const registers = [
    [2, DIST_REGS, 0n],
    [2, CPU_REGS, 4n],
    [3, DIST_REGS, 0n],
    [3, REDIST_REGS, 0x10100n],
    [3, CPU_SYSREGS, 0xc230n],
    [3, LEVEL_INFO, 32n],
  ] as const;

  it.each(registers)('GICv%i, group %i: EBUSY while a vCPU is in KVM_RUN or loaded', (version, group, attr) => {
    const { machine, device } = readyMachine(version);
    machine.setRunning(1, true);
    expect([nameOf(device.set(group, attr, buffer(0))), nameOf(device.get(group, attr, buffer(0)))]).toEqual([
      'EBUSY',
      'EBUSY',
    ]);
    machine.setRunning(1, false);
    expect(device.get(group, attr, buffer(0))).toBe(0);
    machine.enter(0);
    expect(nameOf(device.set(group, attr, buffer(0)))).toBe('EBUSY');
    machine.exit(0, false);
    expect(nameOf(device.get(group, attr, buffer(0)))).toBe('EBUSY');
    machine.exit(0, true);
    expect(device.get(group, attr, buffer(0))).toBe(0);
    machine.waitForInterrupt(0);
    expect(nameOf(device.get(group, attr, buffer(0)))).toBe('EBUSY');
  });

  it.each(registers)('GICv%i, group %i: EFAULT for a value from nowhere', (version, group, attr) => {
    expect(nameOf(readyMachine(version).device.set(group, attr, undefined))).toBe('EFAULT');
  });

  it.each(registers.filter(([version]) => version === 3))(
    'GICv%i, group %i: EBUSY before the device is initialised',
    (version, group, attr) => {
      expect(nameOf(machineWithDevice(version).device.get(group, attr, buffer(0)))).toBe('EBUSY');
    },
  );

  it.each([
    [2, DIST_REGS, 2n << 32n],
    [2, CPU_REGS, 2n << 32n],
    [3, REDIST_REGS, 2n << 32n],
    [3, REDIST_REGS, 1n << 56n],
    [3, CPU_SYSREGS, 0x100n << 32n],
    [3, LEVEL_INFO, 2n << 32n],
  ] as const)('GICv%i, group %i, attribute %i: EINVAL for a vCPU that does not exist', (version, group, attr) => {
    const { device } = readyMachine(version);
    expect([nameOf(device.set(group, attr, buffer(0))), nameOf(device.get(group, attr, buffer(0)))]).toEqual([
      'EINVAL',
      'EINVAL',
    ]);
  });

  it('a GICv3 distributor’s registers are the same whatever affinity the attribute names', () => {
    expect(readyMachine(3).device.read(DIST_REGS, 0x77n << 32n)).toBe(0x50n);
  });

  it.each([
    [2, REDIST_REGS],
    [2, CPU_SYSREGS],
    [2, LEVEL_INFO],
    [3, CPU_REGS],
    [3, 8],
    [3, 99],
  ] as const)('a GICv%i has no group %i: ENXIO', (version, group) => {
    const { device } = readyMachine(version);
    const answers = [device.set(group, 0n, buffer(0)), device.get(group, 0n, buffer(0)), device.has(group, 0n)];
    expect(answers.map(nameOf)).toEqual(['ENXIO', 'ENXIO', 'ENXIO']);
  });

  it('a system register that does not exist answers ENOENT, and ENXIO when asked for', () => {
    const { device } = readyMachine(3);
    expect([nameOf(device.get(CPU_SYSREGS, 0n, buffer(0))), nameOf(device.has(CPU_SYSREGS, 0n))]).toEqual([
      'ENOENT',
      'ENXIO',
    ]);
  });

  it('an offset that is no register reads as zero, as in KVM; asked for it answers ENXIO', () => {
    const { device } = readyMachine(3);
    expect(device.read(DIST_REGS, 0x40n)).toBe(0n);
    expect(nameOf(device.has(DIST_REGS, 0x40n))).toBe('ENXIO');
  });

  it.each([
    [1n << 10n, 'EINVAL'],
    [31n, 'EINVAL'],
    [0n, 0],
    [992n, 0],
  ] as const)('LEVEL_INFO of attribute %i: %s', (attr, result) => {
    expect(nameOf(readyMachine(3).device.get(LEVEL_INFO, attr, buffer(0)))).toBe(result);
  });

  it('read() and write() throw a GicError that names the register, its vCPU and KVM’s code', () => {
    const { machine, device } = readyMachine(3);
    machine.setRunning(0, true);
    const attr = (1n << 32n) | 0x10100n;
    let error: unknown;
    try {
      device.write(REDIST_REGS, attr, 0n);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(GicError);
    expect(error).toMatchObject({ code: 'EBUSY', errno: 16, name: 'GicError' });
    expect((error as Error).message).toBe('KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, GICR_ISENABLER0 of vCPU 1: EBUSY.');
  });
});

describe('KVM_HAS_DEVICE_ATTR', () => {
  it.each([
    [3, CTRL, BigInt(KVM_DEV_ARM_VGIC_CTRL_INIT), 0],
    [3, CTRL, BigInt(KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES), 0],
    [2, CTRL, BigInt(KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES), 'ENXIO'],
    [3, NR_IRQS, 0n, 0],
    [3, ADDR, REDIST_REGION, 0],
    [3, DIST_REGS, 0x000n, 0],
    [3, DIST_REGS, 0x104n, 0],
    [3, DIST_REGS, 0x102n, 'ENXIO'],
    [3, DIST_REGS, 0x6100n, 0],
    [3, REDIST_REGS, 0x10200n, 0],
    [3, REDIST_REGS, 0x20000n, 'ENXIO'],
    [3, REDIST_REGS, 0x70n, 0],
    [3, CPU_SYSREGS, 0xc664n, 0],
    [3, CPU_SYSREGS, 0xc665n, 0],
    [3, CPU_SYSREGS, 0xc660n, 'ENXIO'],
    [3, LEVEL_INFO, 0n, 0],
    [3, LEVEL_INFO, 1n << 10n, 'ENXIO'],
    [2, CPU_REGS, 0x04n, 0],
    [2, CPU_REGS, 0x0cn, 'ENXIO'],
    [2, DIST_REGS, 0xf00n, 0],
    [2, DIST_REGS, 9n << 32n, 'EINVAL'],
  ] as const)('GICv%i, group %i, attribute %i: %s', (version, group, attr, result) => {
    expect(nameOf(readyMachine(version).device.has(group, attr))).toBe(result);
  });
});

describe('vCPUs on physical CPUs', () => {
  it('a physical CPU holds one vCPU: EBUSY, also for another machine of the host', () => {
    const { machine } = readyMachine(3);
    machine.enter(0);
    expect(nameOf(machine.moveTo(1, machine.cpuOf(0)))).toBe(0);
    expect(nameOf(machine.enter(1))).toBe('EBUSY');
    machine.exit(0, true);
    expect(machine.enter(1)).toBe(0);
  });

  it('a vCPU that moves in the guest keeps its interface and what it has in list registers', () => {
    const { machine, guest } = readyMachine(3);
    guest.prepare();
    guest.spi(40, { edge: true });
    machine.enter(0);
    machine.spiLine(40, true);
    machine.enter(0);
    expect(guest.acknowledge()).toBe(40);
    expect(machine.moveTo(0, 100)).toBe(0);
    expect(guest.mrs('ICC_RPR_EL1')).toBe(0xa0);
    guest.end(40);
    expect(guest.mrs('ICC_RPR_EL1')).toBe(0xff);
    machine.exit(0, true);
    expect(guest.bit('ISACTIVER', 40)).toBe(0);
  });

  it('a machine without a GIC is on no physical CPU', () => {
    const host = new Host(HOST);
    new VirtualMachine(host, { vcpus: 1 });
    const machine = new VirtualMachine(host, { vcpus: 1 });
    machine.createDevice(3);
    machine.device?.write(ADDR, DIST_V3, BigInt(GICD_BASE));
    machine.device?.write(ADDR, REDIST, BigInt(GICR_BASE));
    initialise(machine.device!);
    expect(machine.enter(0)).toBe(0);
  });

  it('a destroyed machine leaves its physical CPUs to others', () => {
    const host = new Host(HOST);
    const machines = [0, 1].map(() => {
      const machine = new VirtualMachine(host, { vcpus: 1 });
      machine.createDevice(3);
      machine.device?.write(ADDR, DIST_V3, BigInt(GICD_BASE));
      machine.device?.write(ADDR, REDIST, BigInt(GICR_BASE));
      initialise(machine.device!);
      return machine;
    });
    expect(machines[0].enter(0)).toBe(0);
    expect(nameOf(machines[1].enter(0))).toBe('EBUSY');
    machines[0].destroy();
    expect(machines[1].enter(0)).toBe(0);
  });
});
