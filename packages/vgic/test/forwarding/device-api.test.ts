import { describe, expect, it } from 'vitest';
import { Command, type CommandName, type FieldName, Ram } from '../../src/index.js';
import * as uapi from '../../src/kvm/index.js';
import { RAM_BASE, VALID } from '../its-guest.js';
import { nameOf, readyMachine } from '../machine.js';

/** A machine of KVM's device API on a host with GICv4: what it answers, and where pending state is. */

const ITS = 0x08080000n;
const DOORBELL = ITS + 0x10040n;
const QUEUE = RAM_BASE + 0x100000;
const PENDING = RAM_BASE + 0x20000;
const DEVICE = 7;
const LPI = 8192;
/** The host's interrupt. */
const IRQ = 40;
const { KVM_DEV_ARM_VGIC_GRP_ADDR: ADDR, KVM_DEV_ARM_VGIC_GRP_CTRL: CTRL, KVM_DEV_ARM_VGIC_GRP_ITS_REGS: REGS } = uapi;
const SAVE_TABLES = BigInt(uapi.KVM_DEV_ARM_ITS_SAVE_TABLES);
const SAVE_PENDING = BigInt(uapi.KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES);
const ROUTE = { gsi: 50, type: 'msi', doorbell: DOORBELL, deviceId: DEVICE, data: 0 } as const;

/** A guest whose event 0 is LPI 8192 on vCPU 0. */
function ready(gicv4: 40 | 41) {
  const memory = new Ram(RAM_BASE, new Uint8Array(4 << 20));
  const { machine, device, guest } = readyMachine(3, { memory }, { gicv4 });
  expect(machine.createIts()).toBe(0);
  const [its] = device.its;
  const register = (attr: bigint, value: bigint) => expect(its.set(REGS, attr, { value })).toBe(0);
  expect(its.set(ADDR, BigInt(uapi.KVM_VGIC_ITS_ADDR_TYPE), { value: ITS })).toBe(0);
  expect(device.set(CTRL, BigInt(uapi.KVM_DEV_ARM_VGIC_CTRL_INIT), undefined)).toBe(0);
  guest.prepare();
  memory.bytes.fill(0xa1, 0, 0x10000);
  register(0x80n, VALID | BigInt(QUEUE));
  register(0x100n, VALID | BigInt(RAM_BASE + 0x200000));
  register(0x108n, VALID | BigInt(RAM_BASE + 0x210000));
  for (const vcpu of [0, 1]) {
    guest.store('GICR_PROPBASER', RAM_BASE + 15, 0, vcpu, 8);
    guest.store('GICR_PENDBASER', PENDING + 0x10000 * vcpu, 0, vcpu, 8, 1 << 30);
    guest.store('GICR_CTLR', 1, 0, vcpu);
  }
  register(0n, 1n);
  let at = 0;
  const issue = (name: CommandName, fields: Partial<Record<FieldName, number>>) => {
    const { words } = Command.of(name, fields);
    for (let n = 0; n < 8; n += 2) memory.store64(QUEUE + at + 4 * n, words[n], words[n + 1]);
    at += 32;
    device.model.write(0, Number(ITS) + 0x88, 8, at, 0);
  };
  issue('MAPC', { collection: 0, target: 0, valid: 1 });
  issue('MAPD', { deviceId: DEVICE, size: 4, ittAddress: (RAM_BASE + 0x300000) / 256, valid: 1 });
  issue('MAPTI', { deviceId: DEVICE, eventId: 0, intid: LPI, collection: 0 });
  for (const vcpu of [0, 1]) machine.put(vcpu);
  const pendingBit = () => memory.load8(PENDING + LPI / 8) & 1;
  return { machine, device, guest, its, issue, pendingBit };
}

describe.each([41, 40] as const)('a passed-through MSI (GICv4 version %i)', (gicv4) => {
  it('goes to a vLPI while it is forwarded, and through irqfd else', () => {
    const { machine, guest } = ready(gicv4);
    expect(machine.passedThrough.fire(IRQ)).toEqual({ via: 'none', result: 0 });
    expect(machine.passedThrough.setForwarding(IRQ, ROUTE)).toBe(0);
    expect(machine.passedThrough.fire(IRQ).via).toBe('vlpi');
    expect(guest.serve()).toEqual([LPI]);
    expect(machine.passedThrough.unsetForwarding(IRQ)).toBe(0);
    expect(machine.passedThrough.fire(IRQ).via).toBe('irqfd');
    expect(guest.serve()).toEqual([LPI]);
  });

  it('goes through irqfd where its ITS has no GICv4: EINVAL', () => {
    const { machine, guest } = ready(gicv4);
    machine.host.interrupts.setForwardable(IRQ, false);
    expect(nameOf(machine.passedThrough.setForwarding(IRQ, ROUTE))).toBe('EINVAL');
    expect(machine.passedThrough.fire(IRQ).via).toBe('irqfd');
    expect(guest.serve()).toEqual([LPI]);
  });

  it('is the host’s again when the machine goes', () => {
    const { machine } = ready(gicv4);
    machine.passedThrough.setForwarding(IRQ, ROUTE);
    expect(machine.host.gicv4Driver?.mappingOf(IRQ)).toBeDefined();
    machine.destroy();
    expect(machine.host.gicv4Driver?.mappingOf(IRQ)).toBeUndefined();
  });
});

describe('KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES and KVM_DEV_ARM_ITS_SAVE_TABLES', () => {
  it('write what is pending on the host with GICv4.1, where it stays', () => {
    const { machine, device, guest, its, pendingBit } = ready(41);
    machine.passedThrough.setForwarding(IRQ, ROUTE);
    machine.passedThrough.fire(IRQ);
    expect(pendingBit()).toBe(0);
    expect([device.set(CTRL, SAVE_PENDING, undefined), its.set(CTRL, SAVE_TABLES, undefined)]).toEqual([0, 0]);
    expect(pendingBit()).toBe(1);
    expect(guest.serve()).toEqual([LPI]);
    machine.put(0);
    expect([device.set(CTRL, SAVE_PENDING, undefined), pendingBit()]).toEqual([0, 0]);
  });

  it('answer EACCES with GICv4.0 while something is forwarded, and write nothing', () => {
    const { machine, device, its, pendingBit } = ready(40);
    const saves = () => [
      nameOf(device.set(CTRL, SAVE_PENDING, undefined)),
      nameOf(its.set(CTRL, SAVE_TABLES, undefined)),
    ];
    expect(saves()).toEqual([0, 0]);
    machine.passedThrough.setForwarding(IRQ, ROUTE);
    machine.passedThrough.fire(IRQ);
    expect([saves(), pendingBit()]).toEqual([['EACCES', 'EACCES'], 0]);
    machine.passedThrough.unsetForwarding(IRQ);
    expect([saves(), pendingBit()]).toEqual([[0, 0], 1]);
  });

  it.each([41, 40] as const)('answer EBUSY while a vCPU runs, forwarded or not (GICv4 version %i)', (gicv4) => {
    const { machine, device, its } = ready(gicv4);
    machine.passedThrough.setForwarding(IRQ, ROUTE);
    machine.setRunning(0, true);
    expect(nameOf(device.set(CTRL, SAVE_PENDING, undefined))).toBe('EBUSY');
    expect(nameOf(its.set(CTRL, SAVE_TABLES, undefined))).toBe('EBUSY');
  });
});

describe('vSGIs by user space', () => {
  const REDIST = uapi.KVM_DEV_ARM_VGIC_GRP_REDIST_REGS;
  const DIST = uapi.KVM_DEV_ARM_VGIC_GRP_DIST_REGS;
  const [ISENABLER, ISPENDR, IPRIORITYR1] = [0x10100n, 0x10200n, 0x10404n];

  function withVsgis() {
    const all = ready(41);
    all.guest.store('GICD_CTLR', 0);
    all.guest.store('GICD_CTLR', 0x102);
    const get = (group: number, attr: bigint) => {
      const buffer = { value: 0n };
      expect(all.device.get(group, attr, buffer)).toBe(0);
      return Number(buffer.value);
    };
    const set = (group: number, attr: bigint, value: number) =>
      expect(all.device.set(group, attr, { value: BigInt(value) })).toBe(0);
    for (const vcpu of [0, 1]) all.machine.put(vcpu);
    return { ...all, get, set };
  }

  it('their pending state is read from the host and written to it', () => {
    const { guest, machine, get, set } = withVsgis();
    guest.sendSgi(3, [0]);
    machine.put(0);
    expect([get(DIST, 0n) & 0x100, get(REDIST, ISPENDR) & 0xffff]).toEqual([0x100, 1 << 3]);
    set(REDIST, ISPENDR, 1 << 5);
    expect(guest.serve()).toEqual([5]);
  });

  it('their enable and priority reach the host', () => {
    const { guest, machine, get, set } = withVsgis();
    guest.enable(4);
    guest.enable(5);
    guest.sendSgi(4, [0]);
    guest.sendSgi(5, [0]);
    machine.put(0);
    set(REDIST, IPRIORITYR1, 0xa0a040a0);
    expect(get(REDIST, ISENABLER) & 0x30).toBe(0x30);
    expect(guest.serve()).toEqual([5, 4]);
  });
});
