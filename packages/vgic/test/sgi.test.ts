import { describe, expect, it } from 'vitest';
import { Guest, hex } from './guest.js';

/** ICC_SGI1R_EL1, ICC_ASGI1R_EL1 and ICC_SGI0R_EL1. Source: IHI 0069, 12.2. */

const IRM = 1 << 8;
const AFF3 = 1 << 16;
const RANGE = 1 << 12;

function receivers(guest: Guest): number[][] {
  return Array.from({ length: guest.gic.irqs.vcpus }, (_, vcpu) => guest.serve(vcpu));
}

/** 36 vCPUs have affinities 0.0.0–0.0.15, 0.1.0–0.1.15 and 0.2.0–0.2.3. */
const ready = () => Guest.ready({ vcpus: 36 });

describe('SGIs by ICC_SGI1R_EL1', () => {
  it.each([
    ['one vCPU of cluster 0', 0x0000_0002, 0, [1]],
    ['the sender itself', 0x0000_0001, 0, [0]],
    ['all of a target list', 0x0000_8101, 0, [0, 8, 15]],
    ['a cluster by Aff1', 0x0001_8001, 0, [16, 31]],
    ['no one beyond the last vCPU', 0x0002_fff8, 0, [35]],
    ['no one by an empty target list', 0x0001_0000, 0, []],
    ['no one in an Aff1 that does not exist', 0x00ff_ffff, 0, []],
    ['no one in an Aff2 that does not exist', 0x0000_ffff, 1, []],
    ['no one in an Aff3 that does not exist', 0x0000_ffff, AFF3, []],
    [
      'everyone but the sender with IRM, whatever the list',
      0x0001_0001,
      IRM,
      Array.from({ length: 35 }, (_, n) => n + 1),
    ],
    ['the same vCPUs with a range selector, which KVM ignores', 0x0000_0002, RANGE, [1]],
  ] as const)('reach %s', (_whom, low, high, targets) => {
    const guest = ready();
    guest.msr('ICC_SGI1R_EL1', low | (7 << 24), 0, high);
    const expected = Array.from({ length: 36 }, (_, vcpu) => (targets.includes(vcpu as never) ? [7] : []));
    expect(receivers(guest)).toEqual(expected);
  });

  it('each of the 16 INTIDs arrives as itself', () => {
    const guest = Guest.ready({ vcpus: 2, listRegisters: 16 });
    for (let sgi = 0; sgi < 16; sgi++) guest.msr('ICC_SGI1R_EL1', (sgi << 24) | 2, 0);
    expect(guest.serve(1).sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, n) => n));
  });

  it('one sent by several vCPUs before it is taken is one interrupt: a GICv3 has no sources', () => {
    const guest = Guest.ready({ vcpus: 3 });
    for (const sender of [1, 2]) guest.sendSgi(4, [0], sender);
    expect(guest.serve(0)).toEqual([4]);
  });

  it('one sent while it is active is taken again', () => {
    const guest = Guest.ready({ vcpus: 2 });
    let more = 2;
    guest.sendSgi(4, [0], 1);
    expect(
      guest.serve(0, () => {
        if (more-- > 0) guest.sendSgi(4, [0], 1);
      }),
    ).toEqual([4, 4, 4]);
  });

  it('kicks its targets', () => {
    const guest = Guest.ready({ vcpus: 4 });
    const kicked: number[] = [];
    guest.gic.events.on('kick', (vcpu) => kicked.push(vcpu));
    guest.sendSgi(1, [1, 3], 0);
    expect(kicked).toEqual([1, 3]);
  });

  it('one that the sender sends to itself while in the guest is signalled at once', () => {
    const guest = Guest.ready().enter();
    guest.sendSgi(5, [0], 0);
    expect(guest.gic.irqAsserted(0)).toBe(true);
    expect(guest.acknowledge()).toBe(5);
  });
});

describe('SGIs and groups', () => {
  it.each([
    ['ICC_SGI1R_EL1', 1, true],
    ['ICC_SGI1R_EL1', 0, true],
    ['ICC_SGI0R_EL1', 1, false],
    ['ICC_SGI0R_EL1', 0, true],
    ['ICC_ASGI1R_EL1', 1, false],
    ['ICC_ASGI1R_EL1', 0, true],
  ] as const)('as in KVM, %s to an SGI of group %i makes it pending: %s', (name, group, pends) => {
    const guest = Guest.ready({ vcpus: 2 });
    guest.setGroup(3, group, 1);
    guest.msr(name, (3 << 24) | 2, 0);
    expect(hex(guest.load('GICR_ISPENDR0', 0, 1))).toBe(hex(pends ? 8 : 0));
  });
});
