import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Gic, type GicConfig, GicError, type Registers, restoreGic, saveGic } from '../../src/index.js';
import {
  fromRecords,
  KVM_DEV_ARM_ITS_RESTORE_TABLES,
  KVM_DEV_ARM_VGIC_GRP_ADDR,
  KVM_DEV_ARM_VGIC_GRP_CTRL,
  type KvmRecords,
  toRecords,
} from '../../src/kvm/index.js';
import { Guest } from '../guest.js';
import { ItsGuest, itsBase } from '../its-guest.js';
import { initialise, readyMachine } from '../machine.js';
import { Actors, CAST, controls, deliveries, prepare, stores } from '../traffic.js';

/** A state in KVM's encoding: what a KVM takes and gives. */

const json = <Value>(value: Value): Value => JSON.parse(JSON.stringify(value));

const traffic = (version: 2 | 3) =>
  fc.array(
    fc.oneof(
      { weight: 6, arbitrary: deliveries(CAST) },
      { weight: 2, arbitrary: stores(CAST, version) },
      { weight: 1, arbitrary: controls(CAST, version) },
    ),
    { maxLength: 40, size: 'max' },
  );

/** A GIC amid traffic, no vCPU of which is in the guest. */
function busy(config: GicConfig, operations: Parameters<Actors['run']>[0][]): Gic {
  const actors = new Actors(prepare(new Guest(config), CAST));
  for (const operation of operations) actors.run(operation);
  for (let vcpu = 0; vcpu < CAST.vcpus; vcpu++) actors.guest.gic.exit(vcpu);
  return actors.guest.gic;
}

describe('the records of a state', () => {
  it.each([
    [2, 5],
    [3, 5],
    [3, 6],
    [3, 7],
  ] as const)('of a GICv%i with %i bits of priority say all registers, there and back', (version, priorityBits) => {
    fc.assert(
      fc.property(traffic(version), (operations) => {
        const config: GicConfig = { version, vcpus: CAST.vcpus, interrupts: 64, priorityBits, hostVersion: 3 };
        const { state } = saveGic(busy(config, operations));
        const records = toRecords(state);
        const back = fromRecords(state.gic, json(records));
        const { distributor, banked, redistributors, cpuInterfaces } = state;
        expect(back).toMatchObject({ distributor, banked, redistributors, cpuInterfaces });
        expect(toRecords(back)).toEqual(records);
        // what a KVM says is whole
        restoreGic(new Gic(config), { state: back });
      }),
      { numRuns: 60 },
    );
  });

  it.each([2, 3] as const)('of a GICv%i are what KVM’s device reads after it has taken them', (version) => {
    fc.assert(
      fc.property(traffic(version), (operations) => {
        const { state } = saveGic(busy({ version, vcpus: CAST.vcpus, interrupts: 256, hostVersion: 3 }, operations));
        const { device } = readyMachine(version, { vcpus: CAST.vcpus });
        const { device: records } = toRecords(state);
        for (const { group, attr, value } of records) device.write(group, BigInt(attr), BigInt(value));
        const read = records.map(({ group, attr }) => {
          const value = device.read(group, BigInt(attr));
          return { group, attr, value: `0x${value.toString(16)}` };
        });
        // the registers of clear-bits read what is set
        const back = fromRecords(state.gic, { device: read, its: [] });
        const { distributor, banked, redistributors } = state;
        expect(back).toMatchObject({ distributor, banked, redistributors });
        // with CBPR a KVM shows group 0's binary point plus one
        const shown = ({ ICC_BPR1_EL1, ...others }: Registers) =>
          (others.ICC_CTLR_EL1 as number) & 1 ? others : { ...others, ICC_BPR1_EL1 };
        expect(back.cpuInterfaces.map(shown)).toEqual(state.cpuInterfaces.map(shown));
      }),
      { numRuns: 30 },
    );
  });

  it('with 8 bits of priority have one active priority register of four, as KVM has', () => {
    const guest = Guest.ready({ interrupts: 64, priorityBits: 8 });
    guest.spi(40, { edge: true });
    guest.gic.setLine(40, true);
    guest.enter();
    expect(guest.acknowledge()).toBe(40);
    guest.exit();
    const { state } = saveGic(guest.gic);
    expect(state.cpuInterfaces[0]).toMatchObject({ ICC_AP1R0_EL1: 0, ICC_AP1R2_EL1: 0x10000 });
    const back = fromRecords(state.gic, toRecords(state));
    expect(back.cpuInterfaces[0]).toMatchObject({ ICC_AP1R0_EL1: 0, ICC_AP1R2_EL1: 0 });
  });

  it.each([
    ['of the GIC is missing', 'distributor.GICD_IGROUPR[0]', ({ device, its }: KvmRecords) => without(device, its)],
    ['of an ITS is missing', 'its[0].GITS_IIDR', ({ device, its }: KvmRecords) => ({ device, its: its.slice(1) })],
    [
      'has a value that is none',
      'hexadecimal digits',
      ({ device, its }: KvmRecords) => ({ device: [{ ...device[0], value: 'x' }, ...device], its }),
    ],
    [
      'has an attribute that is none',
      'hexadecimal digits',
      ({ device, its }: KvmRecords) => ({ device: [{ ...device[0], attr: 5 as never }, ...device], its }),
    ],
  ])('are refused when one %s, with a sentence', (_what, sentence, tamper) => {
    const { state } = saveGic(ItsGuest.ready().gic);
    expect(() => fromRecords(state.gic, tamper(toRecords(state)))).toThrow(GicError);
    expect(() => fromRecords(state.gic, tamper(toRecords(state)))).toThrow(sentence);
  });
  const without = (device: KvmRecords['device'], its: KvmRecords['its']) => ({
    device: device.filter(({ group, attr }) => group !== 1 || attr !== '0x84'),
    its,
  });

  it('of an ITS bring a KVM’s to life, once its tables are in RAM; and that KVM’s are restored here', () => {
    const source = ItsGuest.ready({ vcpus: 2, ram: 1 << 20 });
    source.mapDevice(1);
    source.mapEvent(1, 0, 8192, 0);
    source.mapEvent(1, 1, 8193, 1);
    source.msi(1, 0);
    const { state, pages } = saveGic(source.gic);
    const twin = new ItsGuest(source.config);
    for (const [n, page] of pages.pages.entries()) {
      source.memory.bytes.set(pages.contents.subarray(n * 4096, (n + 1) * 4096), page * 4096);
    }
    twin.memory.bytes.set(source.memory.bytes);
    const { machine, device, guest } = readyMachine(3, { vcpus: 2, memory: twin.memory });
    expect(machine.createIts()).toBe(0);
    const its = device.its[0];
    expect(its.set(KVM_DEV_ARM_VGIC_GRP_ADDR, 4n, { value: BigInt(itsBase()) })).toBe(0);
    expect(initialise(device)).toBe(0);
    const records = toRecords(state);
    const restoreTables = { group: KVM_DEV_ARM_VGIC_GRP_CTRL, attr: `0x${KVM_DEV_ARM_ITS_RESTORE_TABLES}` };
    expect(records.its[0].at(-2)).toMatchObject(restoreTables);
    for (const { group, attr, value } of records.device) device.write(group, BigInt(attr), BigInt(value));
    for (const { group, attr, value } of records.its[0]) {
      expect(its.set(group, BigInt(attr), { value: BigInt(value) }), `${group} ${attr}`).toBe(0);
    }
    expect(machine.signalMsi(itsBase() + 0x10040, 1, 1)).toBe(1);
    expect([guest.serve(0), guest.serve(1)]).toEqual([[8192], [8193]]);

    const there = ItsGuest.arrived(source, source.memory.bytes.slice());
    restoreGic(there.gic, { state: fromRecords(state.gic, json(records)) });
    // as after KVM's own restore nothing is pending in the table any more
    expect([source.pendingBit(8192), there.pendingBit(8192)]).toEqual([1, 0]);
    expect([there.taken(0), there.msi(1, 1), there.taken(1)]).toEqual([[8192], 1, [8193]]);
  });
});
