import { describe, expect, it } from 'vitest';
import { SYSTEM_REGISTERS, type SystemRegisterName } from '../src/index.js';
import {
  KVM_DEV_ARM_VGIC_GRP_CPU_REGS as CPU_REGS,
  KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS as CPU_SYSREGS,
  KVM_DEV_ARM_VGIC_GRP_DIST_REGS as DIST_REGS,
  KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO as LEVEL_INFO,
  KVM_DEV_ARM_VGIC_GRP_REDIST_REGS as REDIST_REGS,
  type VgicDevice,
} from '../src/kvm/index.js';
import { ALL_ONES, type Guest } from './guest.js';
import { nameOf, readyMachine } from './machine.js';

/** The registers as userspace saves and restores them, where that differs from the guest's view. */

/** A register by name: an attribute's lower part is the offset in the frame, its upper part the vCPU. */
function attr(guest: Guest, name: string, at = 0, vcpu = 0): [group: number, attr: bigint] {
  const group = name.startsWith('GICR') ? REDIST_REGS : DIST_REGS;
  return [group, (BigInt(vcpu) << 32n) | BigInt(guest.description(name).offset + at)];
}

function access(version: 2 | 3, host: Parameters<typeof readyMachine>[2] = {}) {
  const { machine, device, guest } = readyMachine(version, {}, host);
  return {
    machine,
    device,
    guest,
    read: (name: string, at = 0, vcpu = 0) => Number(device.read(...attr(guest, name, at, vcpu))),
    write: (name: string, value: number, at = 0, vcpu = 0) =>
      device.write(...attr(guest, name, at, vcpu), BigInt(value)),
  };
}

describe('GICv3: pending state and lines apart (arm-vgic-v3.rst)', () => {
  it('GICD_ISPENDR reads the latch alone, without what a high line holds pending', () => {
    const { guest, read } = access(3);
    guest.setEdge(40, false);
    guest.gic.setLine(40, true);
    expect([guest.bit('ISPENDR', 40), read('GICD_ISPENDR', 4)]).toEqual([1, 0]);
    guest.mark('ISPENDR', 40);
    expect(read('GICD_ISPENDR', 4)).toBe(1 << 8);
  });

  it('GICD_ISPENDR written sets the latch to the value, clear bits included', () => {
    const { guest, read, write } = access(3);
    write('GICD_ISPENDR', 0xff, 4);
    write('GICD_ISPENDR', 0x0f0, 4);
    expect(read('GICD_ISPENDR', 4)).toBe(0x0f0);
    expect(guest.load('GICD_ISPENDR', 4)).toBe(0x0f0);
  });

  it('GICR_ISPENDR0 likewise, SGIs included', () => {
    const { guest, read, write } = access(3);
    write('GICR_ISPENDR0', 0x08000003, 0, 1);
    write('GICR_ISPENDR0', 0x08000002, 0, 1);
    expect([read('GICR_ISPENDR0', 0, 1), read('GICR_ISPENDR0', 0, 0)]).toEqual([0x08000002, 0]);
    expect(guest.load('GICR_ISPENDR0', 0, 1)).toBe(0x08000002);
  });

  it('GICD_ICPENDR and GICR_ICPENDR0 are RAZ/WI', () => {
    const { read, write } = access(3);
    write('GICD_ISPENDR', 0xff, 4);
    write('GICD_ICPENDR', ALL_ONES, 4);
    write('GICR_ISPENDR0', 0xff);
    write('GICR_ICPENDR0', ALL_ONES);
    expect([read('GICD_ICPENDR', 4), read('GICR_ICPENDR0')]).toEqual([0, 0]);
    expect([read('GICD_ISPENDR', 4), read('GICR_ISPENDR0')]).toEqual([0xff, 0xff]);
  });

  it('KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO is the lines of 32 interrupts', () => {
    const { guest, device } = access(3);
    guest.setEdge(40, false);
    guest.setEdge(45, false);
    guest.gic.setLine(40, true);
    expect(device.read(LEVEL_INFO, 32n)).toBe(1n << 8n);
    device.write(LEVEL_INFO, 32n, 1n << 13n);
    expect([guest.bit('ISPENDR', 40), guest.bit('ISPENDR', 45)]).toEqual([0, 1]);
  });

  it('KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO of PPIs is a vCPU’s own, and of SGIs nothing', () => {
    const { device, guest } = access(3);
    device.write(LEVEL_INFO, (1n << 32n) | 0n, BigInt(ALL_ONES));
    expect(device.read(LEVEL_INFO, 1n << 32n)).toBe(0xffff0000n);
    expect(device.read(LEVEL_INFO, 0n)).toBe(0n);
    expect(guest.load('GICR_ISPENDR0', 0, 1)).toBe(0xffff0000);
  });

  it('an edge-triggered interrupt’s line reads zero, is kept, and counts when the interrupt becomes level-sensitive', () => {
    const { device, guest } = access(3);
    device.write(LEVEL_INFO, 32n, 1n << 8n);
    expect(device.read(LEVEL_INFO, 32n)).toBe(0n);
    expect(guest.bit('ISPENDR', 40)).toBe(0);
    guest.setEdge(40, false);
    expect(device.read(LEVEL_INFO, 32n)).toBe(1n << 8n);
  });

  it('a line set by userspace is delivered', () => {
    const { device, guest } = access(3);
    guest.prepare();
    guest.spi(40);
    device.write(LEVEL_INFO, 32n, 1n << 8n);
    expect(guest.serve(0, () => guest.gic.setLine(40, false))).toEqual([40]);
  });
});

describe('GICv3: other registers of userspace', () => {
  it.each(['GICD_STATUSR', 'GICR_STATUSR'])(
    '%s is set as written, its four bits, where a guest’s ones clear',
    (name) => {
      const { guest, read, write } = access(3);
      write(name, 0xfffffff5);
      expect(read(name)).toBe(5);
      write(name, 2);
      expect(read(name)).toBe(2);
      guest.store(name, 2);
      expect(read(name)).toBe(0);
    },
  );

  it('a 64-bit register is two attributes of 32 bits', () => {
    const { guest, read, write } = access(3);
    write('GICD_IROUTER', 1, 40 * 8);
    write('GICD_IROUTER', ALL_ONES, 40 * 8 + 4);
    expect([read('GICD_IROUTER', 40 * 8), read('GICD_IROUTER', 40 * 8 + 4)]).toEqual([1, 0]);
    write('GICR_PENDBASER', 0x56780780, 0, 1);
    write('GICR_PENDBASER', 3, 4, 1);
    expect(guest.load('GICR_PENDBASER', 0, 1, 8)).toBe(0x56780780);
    expect(guest.gic.high).toBe(3);
    expect([read('GICR_TYPER', 0, 1), read('GICR_TYPER', 4, 1)]).toEqual([(1 << 8) | (1 << 4), 1]);
  });

  it('the upper half of userspace’s buffer stays as it was when 32 bits are read', () => {
    const { device, guest } = access(3);
    const buffer = { value: 0x1234567800000000n };
    device.get(...attr(guest, 'GICD_TYPER'), buffer);
    expect(buffer.value >> 32n).toBe(0x12345678n);
  });

  it.each([
    [0x4b00243b, 0],
    [0x4b00343b, 0],
    [0x4b00143b, 'EINVAL'],
    [0x4b00443b, 'EINVAL'],
    [0x4b00043b, 'EINVAL'],
    [0x4c00343b, 'EINVAL'],
    [0x4b00343c, 'EINVAL'],
    [0, 'EINVAL'],
  ])('GICD_IIDR written %i: %s; only revisions 2 and 3 are known', (value, result) => {
    for (const version of [2, 3] as const) {
      const { device, guest, read } = access(version);
      expect(nameOf(device.set(...attr(guest, 'GICD_IIDR'), { value: BigInt(value) }))).toBe(result);
      expect(read('GICD_IIDR')).toBe(result === 0 ? value : 0x4b00343b);
    }
  });

  it('with revision 2 GICR_CTLR promises neither CES nor IR', () => {
    const { guest, write } = access(3);
    write('GICD_IIDR', 0x4b00243b);
    expect(guest.load('GICR_CTLR')).toBe(0);
    write('GICD_IIDR', 0x4b00343b);
    expect(guest.load('GICR_CTLR')).toBe(6);
  });

  it('GICD_TYPER2 takes what it reads, zero, and nothing else', () => {
    const { device, guest } = access(3);
    const set = (value: bigint) => nameOf(device.set(...attr(guest, 'GICD_TYPER2'), { value }));
    expect([set(0n), set(0x100n)]).toEqual([0, 'EINVAL']);
  });

  it('active state is set and cleared without a vCPU, and a restored active interrupt is ended by the guest', () => {
    const { guest, read, write } = access(3);
    guest.prepare();
    guest.spi(40, { edge: true });
    write('GICD_ISACTIVER', 1 << 8, 4);
    write('GICD_ISACTIVER', 1 << 9, 4);
    write('GICD_ICACTIVER', 1 << 9, 4);
    expect(read('GICD_ISACTIVER', 4)).toBe(1 << 8);
    guest.msr('ICC_CTLR_EL1', 2);
    guest.enter();
    guest.deactivate(40);
    guest.exit();
    expect(read('GICD_ISACTIVER', 4)).toBe(0);
  });

  it('GICD_CTLR, enables, priorities and configuration are written as the guest writes them', () => {
    const { guest, write } = access(3);
    write('GICD_CTLR', 2);
    write('GICD_ISENABLER', 0xf0, 4);
    write('GICD_ICENABLER', 0x30, 4);
    write('GICD_IPRIORITYR', 0xffffffff, 32);
    write('GICD_ICFGR', 0, 8);
    write('GICD_IGROUPR', 5, 4);
    const names = [
      ['GICD_CTLR', 0, 0x52],
      ['GICD_ISENABLER', 4, 0xc0],
      ['GICD_IPRIORITYR', 32, 0xf8f8f8f8],
      ['GICD_ICFGR', 8, 0],
      ['GICD_IGROUPR', 4, 5],
    ] as const;
    for (const [name, at, value] of names) expect(guest.load(name, at), name).toBe(value);
  });
});

describe('GICv2: distributor of userspace (arm-vgic.rst)', () => {
  it('GICD_ISPENDR only sets, GICD_ICPENDR only clears, and both read the line too', () => {
    const { guest, read, write } = access(2);
    guest.setEdge(40, false);
    guest.gic.setLine(40, true);
    write('GICD_ISPENDR', 0x0f, 4);
    write('GICD_ISPENDR', 0xf0, 4);
    write('GICD_ICPENDR', 0x3c, 4);
    expect([read('GICD_ISPENDR', 4), read('GICD_ICPENDR', 4)]).toEqual([0x1c3, 0x1c3]);
  });

  it('GICD_IGROUPR is ignored until userspace has written GICD_IIDR and thereby shown that it knows groups', () => {
    const { read, write } = access(2);
    write('GICD_IGROUPR', 0xff, 4);
    expect(read('GICD_IGROUPR', 4)).toBe(0);
    write('GICD_IIDR', read('GICD_IIDR'));
    write('GICD_IGROUPR', 0xff, 4);
    expect(read('GICD_IGROUPR', 4)).toBe(0xff);
  });

  it('the private registers are those of the vCPU that the attribute names', () => {
    const { read, write } = access(2);
    write('GICD_ISENABLER', 1 << 27, 0, 1);
    expect([read('GICD_ISENABLER', 0, 0), read('GICD_ISENABLER', 0, 1)]).toEqual([0xffff, 0x0800ffff]);
  });

  it('an SGI made pending by GICD_ISPENDR has its own vCPU as sender; GICD_ICPENDR takes all senders away', () => {
    const { guest, write, read } = access(2);
    guest.prepare();
    write('GICD_ISPENDR', 1 << 5, 0, 1);
    expect(read('GICD_SPENDSGIR', 4, 1)).toBe(0x0200);
    expect(guest.serve(1)).toEqual([5 | (1 << 10)]);
    for (const from of [0, 1]) guest.sendSgi(5, [1], from);
    write('GICD_ICPENDR', 1 << 5, 0, 1);
    expect([read('GICD_SPENDSGIR', 4, 1), guest.serve(1).length]).toEqual([0, 0]);
  });

  it('GICD_SPENDSGIR carries the senders of pending SGIs', () => {
    const { guest, read, write } = access(2);
    guest.prepare();
    guest.sendSgi(3, [0], 1);
    expect(read('GICD_SPENDSGIR')).toBe(0x02000000);
    write('GICD_SPENDSGIR', 0x01000000);
    expect(guest.serve()).toEqual([3, 3 | (1 << 10)]);
  });
});

describe('GICv2: CPU interface of userspace', () => {
  const PMR = 0x04n;
  const regs = (device: VgicDevice, offset: bigint, vcpu = 0n) => device.read(CPU_REGS, (vcpu << 32n) | offset);

  it('GICC_PMR has the five bits of the priority mask right-aligned: bits 4:0 of the ABI are bits 7:3 of the register', () => {
    const { device, guest } = access(2);
    guest.gicvStore('PMR', 0xa8);
    expect(regs(device, PMR)).toBe(0xa8n >> 3n);
    device.write(CPU_REGS, PMR, 0x1fn);
    expect(guest.gicvLoad('PMR')).toBe(0xf8);
    device.write(CPU_REGS, PMR, 0xe3n);
    expect(guest.gicvLoad('PMR')).toBe(0x18);
  });

  it.each([
    ['CTLR', 0x00n, 0x21f],
    ['BPR', 0x08n, 5],
    ['ABPR', 0x1cn, 6],
    ['APR', 0xd0n, 0x80000001],
  ] as const)('GICC_%s is what the guest has in GICV_%s', (name, offset, value) => {
    const { device, guest } = access(2);
    guest.gicvStore(name, value);
    expect(regs(device, offset)).toBe(BigInt(value));
    const other = access(2);
    other.device.write(CPU_REGS, offset, BigInt(value));
    expect(other.guest.gicvLoad(name)).toBe(value);
  });

  it('GICC_IIDR says product K, architecture version 2, Arm; GICC_APR1 to 3 are RAZ/WI', () => {
    const { device } = access(2);
    expect(regs(device, 0xfcn)).toBe(0x04b2043bn);
    for (const offset of [0xd4n, 0xd8n, 0xdcn]) {
      device.write(CPU_REGS, offset, 0xffn);
      expect(regs(device, offset)).toBe(0n);
    }
  });
});

describe('GICv3: system registers of userspace', () => {
  const key = (name: SystemRegisterName, vcpu = 0) => (BigInt(vcpu) << 32n) | BigInt(SYSTEM_REGISTERS[name]);
  const set = (device: VgicDevice, name: SystemRegisterName, value: number) =>
    nameOf(device.set(CPU_SYSREGS, key(name), { value: BigInt(value) }));
  const get = (device: VgicDevice, name: SystemRegisterName) => {
    const buffer = { value: 0n };
    const result = device.get(CPU_SYSREGS, key(name), buffer);
    return result === 0 ? Number(buffer.value) : nameOf(result);
  };

  it.each([
    ['ICC_PMR_EL1', 0xa8],
    ['ICC_BPR0_EL1', 5],
    ['ICC_BPR1_EL1', 6],
    ['ICC_AP0R0_EL1', 0x80000001],
    ['ICC_AP1R0_EL1', 0x40000002],
    ['ICC_IGRPEN0_EL1', 1],
    ['ICC_IGRPEN1_EL1', 1],
  ] as const)('%s carries what the guest has there', (name, value) => {
    const { device, guest } = access(3);
    guest.msr(name, value);
    expect(get(device, name)).toBe(value);
    const other = access(3);
    expect(set(other.device, name, value)).toBe(0);
    expect(other.guest.mrs(name)).toBe(value);
  });

  it.each([
    [5, 0],
    [6, 1],
    [7, 3],
  ])(
    'with %i bits of priority active priorities are in words up to %i; the others answer EINVAL',
    (priorityBits, last) => {
      const { device } = access(3, { priorityBits });
      for (let word = 0; word < 4; word++) {
        for (const group of [0, 1]) {
          const name = `ICC_AP${group}R${word}_EL1` as SystemRegisterName;
          expect(get(device, name), name).toBe(word <= last ? 0 : 'EINVAL');
          expect(set(device, name, 1), name).toBe(word <= last ? 0 : 'EINVAL');
        }
      }
    },
  );

  it('ICC_SRE_EL1 reads 7 and takes what has SRE', () => {
    const { device } = access(3);
    expect([get(device, 'ICC_SRE_EL1'), set(device, 'ICC_SRE_EL1', 1), set(device, 'ICC_SRE_EL1', 6)]).toEqual([
      7,
      0,
      'EINVAL',
    ]);
  });

  it.each([
    ['the same', 0x8403, 0],
    ['fewer bits of priority', 0x8300, 0],
    ['more bits of priority', 0x8500, 'EINVAL'],
    ['more bits of INTID', 0x8c00, 'EINVAL'],
    ['SEIS', 0xc400, 'EINVAL'],
    ['no A3V', 0x0400, 'EINVAL'],
  ])('ICC_CTLR_EL1 of a source host that has %s: %s', (_what, value, result) => {
    const { device } = access(3);
    expect(set(device, 'ICC_CTLR_EL1', value)).toBe(result);
    if (result === 0) expect(get(device, 'ICC_CTLR_EL1')).toBe(value);
  });

  it('with ICC_CTLR_EL1.CBPR the group 1 binary point reads as group 0’s plus one and ignores writes', () => {
    const { device } = access(3);
    for (const [name, value] of [
      ['ICC_BPR0_EL1', 4],
      ['ICC_BPR1_EL1', 3],
      ['ICC_CTLR_EL1', 0x8401],
    ] as const) {
      expect(set(device, name, value)).toBe(0);
    }
    expect([get(device, 'ICC_BPR1_EL1'), set(device, 'ICC_BPR1_EL1', 6)]).toEqual([5, 0]);
    set(device, 'ICC_CTLR_EL1', 0x8400);
    expect(get(device, 'ICC_BPR1_EL1')).toBe(3);
  });

  it.each(['ICC_IAR1_EL1', 'ICC_EOIR1_EL1', 'ICC_DIR_EL1', 'ICC_RPR_EL1', 'ICC_HPPIR1_EL1', 'ICC_SGI1R_EL1'] as const)(
    '%s holds no state: ENOENT',
    (name) => {
      expect(get(access(3).device, name)).toBe('ENOENT');
    },
  );
});
