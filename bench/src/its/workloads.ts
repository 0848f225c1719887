import { type Gic, ITS_TABLE_ABIS, SYSTEM_REGISTERS } from 'vgic';
import { dropPending, type ItsMachine, sendMsi } from './machine.js';

/** What is timed; each answers nanoseconds per event. The kinds are those of `bench` in conformance/kvm/glue.c. */

const { ICC_IAR1_EL1, ICC_EOIR1_EL1 } = SYSTEM_REGISTERS;
const FIRST_LPI = 8192;
const RAM = 0x4000_0000;
const [ABI] = ITS_TABLE_ABIS;
/** A prime, so that the MSIs jump from device to device. */
const STRIDE = 7919;

function time(run: () => void): number {
  const begin = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - begin);
}

function expect(condition: boolean, sentence: string): void {
  if (!condition) throw new Error(sentence);
}

export interface Workload {
  /** Whether it needs a machine whose events are all forwarded by the host's GICv4. */
  readonly forwarded?: boolean;
  /** The name of the kind, KVM's and ours, and the figure of its answer. */
  readonly kind: string;
  readonly figure: string;
  /** What is reported under which name, if one kind has two figures. */
  readonly name: string;
  /** What one operation is. */
  readonly operation: string;
  /** Operations of a sample; for a whole save or restore, how many of those. */
  operations(events: number): number;
  /** Nanoseconds per event or operation of one sample. */
  run(machine: ItsMachine, operations: number): number;
}

/** Enters, acknowledges, ends, exits. */
function serve(gic: Gic): number {
  gic.enter(0);
  const intid = gic.readSystemRegister(0, ICC_IAR1_EL1);
  gic.writeSystemRegister(0, ICC_EOIR1_EL1, intid, 0);
  gic.leave(0);
  return intid;
}

/** Operations of a whole table: about 60 000 events are looked at in a sample. */
const wholeTables = (events: number) => Math.max(1, Math.round(57344 / events));

export const WORKLOADS: readonly Workload[] = [
  {
    kind: 'msi_inject',
    figure: 'ns_first',
    name: 'msi_inject, first',
    operation: 'first MSI of each event: translation by the tables, pending',
    operations: () => 1,
    run({ gic, events }) {
      dropPending(gic);
      let wrong = 0;
      const ns = time(() => {
        for (let n = 0; n < events; n++) if (sendMsi(gic, n) !== 1) wrong++;
      });
      expect(wrong === 0, `${wrong} MSIs were not delivered`);
      return ns / events;
    },
  },
  {
    kind: 'msi_inject',
    figure: 'ns_per_op',
    name: 'msi_inject, hot',
    operation: 'MSI of an event that is cached and pending already, another device each time',
    operations: () => 200_000,
    run({ gic, events }, operations) {
      for (let n = 0; n < events; n++) sendMsi(gic, n);
      let wrong = 0;
      const ns = time(() => {
        for (let n = 0; n < operations; n++) if (sendMsi(gic, (n * STRIDE) % events) !== 1) wrong++;
      });
      expect(wrong === 0, `${wrong} MSIs were not delivered`);
      return ns / operations;
    },
  },
  {
    kind: 'lpi_cycle',
    figure: 'ns_per_op',
    name: 'lpi_cycle',
    operation: 'MSI, entry, acknowledge, end of interrupt, exit',
    operations: () => 20_000,
    run({ gic, events }, operations) {
      dropPending(gic);
      let wrong = 0;
      const ns = time(() => {
        for (let n = 0; n < operations; n++) {
          const event = n % events;
          sendMsi(gic, event);
          if (serve(gic) !== FIRST_LPI + event) wrong++;
        }
      });
      expect(wrong === 0, `${wrong} LPIs were not taken`);
      return ns / operations;
    },
  },
  {
    kind: 'lpi_cycle',
    figure: 'ns_per_op',
    name: 'vlpi_cycle',
    forwarded: true,
    operation: "MSI of a host's device to a vPE that runs, acknowledge, end of interrupt: no entry, no exit",
    operations: () => 20_000,
    run({ gic, driver, events }, operations) {
      expect(driver !== undefined, 'nothing is forwarded');
      let wrong = 0;
      gic.enter(0);
      const ns = time(() => {
        for (let n = 0; n < operations; n++) {
          const event = n % events;
          driver?.send(event);
          const intid = gic.readSystemRegister(0, ICC_IAR1_EL1);
          gic.writeSystemRegister(0, ICC_EOIR1_EL1, intid, 0);
          if (intid !== FIRST_LPI + event) wrong++;
        }
      });
      gic.leave(0);
      expect(wrong === 0, `${wrong} vLPIs were not taken`);
      return ns / operations;
    },
  },
  {
    kind: 'its_save',
    figure: 'ns_per_ite',
    name: 'its_save',
    operation: 'KVM_DEV_ARM_ITS_SAVE_TABLES, per event',
    operations: wholeTables,
    run({ gic, events }, operations) {
      let result = 0;
      const ns = time(() => {
        for (let n = 0; n < operations; n++) result |= ABI.save(gic.its[0]);
      });
      expect(result === 0, `the save failed: ${result}`);
      return ns / operations / events;
    },
  },
  {
    kind: 'its_restore',
    figure: 'ns_per_ite',
    name: 'its_restore',
    operation: 'KVM_DEV_ARM_ITS_RESTORE_TABLES, per event',
    operations: wholeTables,
    run({ gic, devices, events }, operations) {
      const [its] = gic.its;
      expect(ABI.save(its) === 0, 'the save failed');
      const { high: deviceHigh } = its.deviceTable;
      const { high: collectionHigh } = its.collectionTable;
      let ns = 0;
      for (let n = 0; n < operations; n++) {
        its.reset();
        // the tables are valid again, where they were
        its.deviceTable.high = deviceHigh;
        its.collectionTable.high = collectionHigh;
        let result = 0;
        ns += time(() => {
          result = ABI.restore(its);
        });
        expect(result === 0 && its.devices.size === devices, `the restore failed: ${result}`);
      }
      return ns / operations / events;
    },
  },
  {
    kind: 'pending_save',
    figure: 'ns_per_lpi',
    name: 'pending_save',
    operation: 'KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES into cleared tables, every second LPI pending, per LPI',
    operations: wholeTables,
    run({ gic, memory, events, pending, pendingBytes }, operations) {
      dropPending(gic);
      for (let n = 0; n < events; n += 2) sendMsi(gic, n);
      let ns = 0;
      for (let n = 0; n < operations; n++) {
        memory.bytes.fill(0, pending - RAM, pending - RAM + pendingBytes);
        let complete = false;
        ns += time(() => {
          complete = gic.lpis.savePending();
        });
        expect(complete, 'the pending tables were not saved');
      }
      return ns / operations / events;
    },
  },
  {
    kind: 'pending_save',
    figure: 'ns_per_lpi',
    name: 'pending_save, vLPIs',
    forwarded: true,
    operation: 'the same where they are pending on the host: each vPE is unmapped, read and mapped again',
    operations: wholeTables,
    run({ gic, driver, memory, events, pending, pendingBytes }, operations) {
      for (let n = 0; n < events; n += 2) driver?.send(n);
      gic.put(0);
      let ns = 0;
      for (let n = 0; n < operations; n++) {
        memory.bytes.fill(0, pending - RAM, pending - RAM + pendingBytes);
        let result = 0;
        ns += time(() => {
          result = gic.savePendingTables();
        });
        const saved = memory.load8(pending + FIRST_LPI / 8);
        expect(result === 0 && saved === 0x55, `the pending tables were not saved: ${result}`);
      }
      gic.load(0);
      return ns / operations / events;
    },
  },
];

/** What moving as many bytes as the tables have costs at least: 8 for each event. */
export function copyNs(events: number): number {
  const from = new Uint8Array(8 * events).fill(1);
  const to = new Uint8Array(8 * events);
  const copies = Math.ceil(1e6 / events);
  return (
    time(() => {
      for (let n = 0; n < copies; n++) to.set(from);
    }) /
    copies /
    events
  );
}
