import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type GicState,
  NO_PAGES,
  PageOverlay,
  Ram,
  type RamPages,
  restoreGic,
  saveGic,
  vgicState,
} from '../../src/index.js';
import { ITS_TABLE_ABIS } from '../../src/state/its-tables.js';
import { ARCHITECTURE, BOTH_WAYS } from '../guest.js';
import { ItsGuest, RAM_BASE } from '../its-guest.js';
import { commands, EVENTS, FIRST, type Operation, Run, sequence, start, traffic, upheavals } from '../its-traffic.js';

/** A GIC with ITSs moves: its RAM copied, saveGic, restoreGic. The guest notices nothing. */

/** Changes a state on its way, or its tables as they lie over RAM. */
type Tamper = (state: GicState, tables: PageOverlay, guest: ItsGuest) => GicState | undefined;

function migrated(guest: ItsGuest, tamper: Tamper = (state) => state): ItsGuest {
  const ram = guest.memory.bytes.slice();
  const { state, pages } = saveGic(guest.gic);
  const tables = new PageOverlay(new Ram(RAM_BASE, ram), pages);
  const altered = tamper(JSON.parse(JSON.stringify(state)), tables, guest) ?? state;
  const tampered = tables.pages();
  const twin = ItsGuest.arrived(guest, ram);
  restoreGic(twin.gic, { state: { ...altered, pages: tampered.pages.length }, pages: tampered });
  return twin;
}

/** The same traffic on a machine that moves in the middle of it and on one that does not: they must do the same. */
function compare(before: readonly Operation[], after: readonly Operation[], kvm = ARCHITECTURE): [Run, Run] {
  const [unmoved, moving] = [start(kvm), start(kvm)];
  for (const run of [unmoved, moving]) {
    for (const operation of before) run.run(operation);
    for (let n = 0; n < 3; n++) run.guest.gic.exit(n);
  }
  // the translation cache stays behind; where it goes on to serve an MSI that the tables would refuse, it is KVM's
  for (const its of unmoved.guest.gic.its) its.invalidateCache();
  const moved = new Run(migrated(moving.guest));
  for (const [n, stack] of moving.stacks.entries()) moved.stacks[n].push(...stack);
  for (const [n, operation] of after.entries()) {
    expect(moved.run(operation), `operation ${n}`).toBe(unmoved.run(operation));
    for (let each = 0; each < 3; each++) {
      const signals = ({ guest: { gic } }: Run) => [gic.irqAsserted(each), gic.hasPending(each)];
      expect(signals(moved), `operation ${n}`).toEqual(signals(unmoved));
    }
  }
  for (let n = 0; n < 3; n++) {
    for (const each of [unmoved, moved]) each.guest.gic.exit(n);
    expect(moved.guest.taken(n)).toEqual(unmoved.guest.taken(n));
  }
  return [unmoved, moved];
}

describe.each(BOTH_WAYS)('a GIC with ITSs that moves, %s', (_way, kvm) => {
  it('goes on exactly as one that does not, wherever it is', () => {
    const property = fc.property(
      sequence(traffic, commands),
      sequence(traffic, commands, upheavals),
      (before, after) => {
        const [unmoved, moved] = compare(before, after, kvm);
        expect(vgicState(moved.guest.gic)).toBe(vgicState(unmoved.guest.gic));
      },
    );
    fc.assert(property, { numRuns: 300 });
  });

  it('delivers what was pending or active when its event, device or collection was unmapped, or its vCPU left by MOVALL', () => {
    // an event without collection is not saved, so that from there on mapping it anew is not the same
    const property = fc.property(sequence(traffic, commands, upheavals), sequence(traffic), (before, after) => {
      compare(before, after, kvm);
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('takes thousands of pending LPIs with it', () => {
    const guest = ItsGuest.ready({ vcpus: 1, kvm });
    guest.mapDevice(1, 13);
    for (let n = 0; n < 5000; n++) {
      guest.mapEvent(1, n, 8192 + n);
      guest.msi(1, n);
    }
    expect(migrated(guest).taken().length).toBe(5000);
  });

  it('brings back an LPI whose translation another one’s has overwritten in RAM', () => {
    const guest = ItsGuest.ready({ kvm });
    const itt = guest.mapDevice(1);
    guest.mapDevice(2, 5, itt);
    guest.mapEvent(1, 0, 8192);
    guest.mapEvent(2, 0, 8193);
    for (const device of [1, 2]) guest.msi(device, 0);
    expect(migrated(guest).taken()).toEqual([8192, 8193]);
  });
});

/**
 * The account of a whole life: each MSI sent while its event was mapped and its LPI enabled is taken at least once after
 * it was sent, and nothing is taken that was not sent. The machine moves as often as the sequence says.
 */
function account(moves: readonly (readonly Operation[])[], tamper?: Tamper): void {
  let run = start();
  /** INTIDs whose MSI was sent and not taken since. */
  const owed = new Set<number>();
  const taken = (intid: unknown) => {
    if (typeof intid !== 'number') return;
    expect(owed.delete(intid), `LPI ${intid} was not sent`).toBe(true);
  };
  for (const operations of moves) {
    for (const operation of operations) {
      const result = run.run(operation);
      if (operation.op === 'acknowledge') taken(result);
      if (operation.op === 'msi') {
        expect(result).toBe(1);
        owed.add(Run.intid(operation));
      }
      if (operation.op === 'int') owed.add(Run.intid(operation));
    }
    for (let n = 0; n < 3; n++) run.guest.gic.exit(n);
    const twin = new Run(migrated(run.guest, tamper));
    for (const [n, stack] of run.stacks.entries()) twin.stacks[n].push(...stack);
    run = twin;
  }
  for (let n = 0; n < 3; n++) {
    for (const intid of run.stacks[n].splice(0).reverse()) {
      run.guest.gic.enter(n);
      run.guest.guest.end(intid, n);
    }
    run.guest.gic.exit(n);
  }
  // what has moved to another vCPU is handed over when the old one looks at its list
  for (let round = 0; round < 2; round++) {
    for (let n = 0; n < 3; n++) for (const intid of run.guest.taken(n)) taken(intid);
  }
  expect([...owed]).toEqual([]);
}

/** Configurations stay enabled, so that what is sent can be taken; another priority while it is active is for no guest to set. */
const enabled = (operation: Operation) => operation.op !== 'configure' || operation.value === 0xa1;
const life = fc.array(
  sequence(traffic, commands).map((operations) => operations.filter(enabled)),
  { minLength: 1, maxLength: 4 },
);

describe('no MSI is lost or invented by moving', () => {
  it('each MSI sent while mapped and enabled is taken, nothing else is', () => {
    fc.assert(
      fc.property(life, (moves) => account(moves)),
      { numRuns: 300 },
    );
  });

  it('a save in mid-flow: some taken, some active, some pending in list registers, some waiting', () => {
    const run = start();
    for (let n = 0; n < 3; n++) run.guest.gic.enter(n);
    for (let event = 0; event < EVENTS; event++) for (const n of [0, 1]) run.guest.msi(0, event, n);
    const first = run.run({ op: 'acknowledge', vcpu: 0 });
    for (let n = 0; n < 3; n++) run.guest.gic.exit(n);
    const twin = migrated(run.guest);
    twin.gic.enter(0);
    twin.guest.end(first as number);
    twin.gic.exit(0);
    const rest = [0, 1, 2].flatMap((n) => twin.taken(n));
    expect([first, ...rest].sort()).toEqual([8192, 8193, 8194, 8195, 8204, 8205, 8206, 8207]);
  });

  it('an MSI that waits for its ITS’s commands is translated after the restore: the queue moves with what is in it', () => {
    const guest = ItsGuest.ready({ vcpus: 2 });
    guest.store('GITS_CTLR', 0n, 0, 4);
    guest.mapDevice(1);
    guest.mapEvent(1, 0, 8192, 1);
    const twin = migrated(guest);
    expect(twin.load('GITS_CTLR', 0, 4)).toBe(0n);
    twin.store('GITS_CTLR', 1n, 0, 4);
    expect([twin.msi(1, 0), twin.taken(1)]).toEqual([1, [8192]]);
  });

  it('the registers of the ITSs and the LPI tables are the guest’s', () => {
    const guest = start().guest;
    const registers = (each: ItsGuest) => [
      ...[0, 1].flatMap((n) => [
        each.load('GITS_CTLR', 0, 4, n),
        each.load('GITS_CBASER', 0, 8, n),
        each.load('GITS_CREADR', 0, 8, n),
        each.load('GITS_CWRITER', 0, 8, n),
        each.load('GITS_BASER', 0, 8, n),
        each.load('GITS_BASER', 8, 8, n),
      ]),
      ...[0, 1, 2].flatMap((vcpu) => [
        each.guest.load('GICR_CTLR', 0, vcpu),
        each.guest.load('GICR_PROPBASER', 0, vcpu, 8),
        each.guest.load('GICR_PENDBASER', 0, vcpu, 8),
      ]),
    ];
    expect(registers(migrated(guest))).toEqual(registers(guest));
  });
});

describe('the guest’s RAM', () => {
  /** A guest of whose LPIs one is pending in each way, and what the dirty tracker hears of its RAM. */
  function watched(kvm = ARCHITECTURE): { guest: ItsGuest; written: number[] } {
    const { guest } = start(kvm);
    for (let event = 0; event < EVENTS; event++) guest.msi(0, event);
    guest.unmapDevice(0);
    const written: number[] = [];
    guest.memory.onDirty = (page) => written.push(page);
    return { guest, written };
  }

  it.each([
    ['nothing of a device that is unmapped', ARCHITECTURE, 4, []],
    ['KVM 6.12’s LPIs of a device that is unmapped too', '6.12', 5, [8192, 8193, 8194, 8195]],
  ] as const)(
    'is not written by a save, nor by a restore; what the save has to say lies over it in pages: %s',
    (_what, kvm, few, pending) => {
      const { guest, written } = watched(kvm);
      const ram = guest.memory.bytes.slice();
      const saved = saveGic(guest.gic);
      expect(written).toEqual([]);
      expect(Buffer.from(guest.memory.bytes).equals(ram)).toBe(true);
      expect(saved.pages.pages.length).toBeGreaterThan(few);
      const pages = saved.pages.contents.slice();
      const twin = ItsGuest.arrived(guest, ram.slice());
      twin.memory.onDirty = (page) => written.push(page);
      restoreGic(twin.gic, saved);
      expect(written).toEqual([]);
      expect(Buffer.from(twin.memory.bytes).equals(ram)).toBe(true);
      expect(saved.pages.contents).toEqual(pages);
      expect([0, 1, 2].flatMap((vcpu) => twin.taken(vcpu)).sort()).toEqual(pending);
    },
  );

  it.each(BOTH_WAYS)(
    'is not written either where the guest has left no place for any table, and its own pending bit stays, %s',
    (_way, kvm) => {
      const guest = ItsGuest.ready({ kvm });
      guest.mapDevice(1);
      guest.mapEvent(1, 0, 8192);
      guest.msi(1, 0);
      guest.setPendingBit(8192);
      guest.store('GITS_CTLR', 0n, 0, 4);
      for (const at of [0, 8]) guest.store('GITS_BASER', 0n, at);
      const saved = saveGic(guest.gic);
      expect(saved.pages).toEqual(NO_PAGES);
      const twin = ItsGuest.arrived(guest, guest.memory.bytes.slice());
      restoreGic(twin.gic, saved);
      expect(Buffer.from(twin.memory.bytes).equals(guest.memory.bytes)).toBe(true);
      expect([twin.pendingBit(8192), twin.taken()]).toEqual([1, [8192]]);
    },
  );

  it('has none of what was pending at the save when the guest turns EnableLPIs off and on', () => {
    const { guest } = watched();
    const twin = migrated(guest);
    for (const each of [guest, twin]) {
      for (let vcpu = 0; vcpu < 3; vcpu++) {
        each.disableLpis(vcpu);
        each.enableLpis(vcpu, false);
      }
      expect([0, 1, 2].flatMap((vcpu) => each.taken(vcpu))).toEqual([]);
    }
  });

  it.each([
    ['without its pages', () => undefined],
    [
      'with a page less',
      ({ pages, contents }: RamPages) => ({ pages: pages.slice(1), contents: contents.slice(4096) }),
    ],
    ['with pages in another order', ({ pages, contents }: RamPages) => ({ pages: pages.slice().reverse(), contents })],
    ['with pages beyond RAM', ({ pages, contents }: RamPages) => ({ pages: pages.map((n) => n + 256), contents })],
    ['with a part of a page', ({ pages, contents }: RamPages) => ({ pages, contents: contents.slice(1) })],
    ['with something that is no pages', () => [1, 2, 3] as unknown as RamPages],
  ])('a state %s is refused', (_what, tamper: (pages: RamPages) => RamPages | undefined) => {
    const { guest } = start();
    const { state, pages } = saveGic(guest.gic);
    const twin = ItsGuest.arrived(guest, guest.memory.bytes.slice());
    const altered = tamper(pages);
    expect(() => restoreGic(twin.gic, { state, ...(altered && { pages: altered }) })).toThrow(
      expect.objectContaining({ name: 'GicError', code: 'EINVAL', message: expect.stringContaining('pages') }),
    );
  });
});

describe('negative controls of moving', () => {
  const findsLoss = (tamper: Tamper) => {
    const result = fc.check(
      fc.property(life, (moves) => account(moves, tamper)),
      { seed: 1, numRuns: 300, endOnFailure: true },
    );
    expect(result.failed).toBe(true);
    expect((result.errorInstance as Error).name).toMatch(/AssertionError|GicError/);
  };
  const clear = (tables: PageOverlay, from: number, length: number) => {
    for (let at = 0; at < length; at += 8) tables.store64(from + at, 0, 0);
  };
  /** Without the order of the queues, which by itself refuses what is not there. */
  const withoutQueues = (state: GicState): GicState => ({ ...state, queues: state.queues.map(() => []) });

  it('without the pending tables MSIs are lost', () => {
    findsLoss((state, tables, { pending }) => {
      for (const table of pending) clear(tables, table, 0x2000);
      return withoutQueues(state);
    });
  });

  it('without the translation tables they are', () => {
    findsLoss((state, tables, guest) => {
      for (const { devices } of guest.tables) clear(tables, devices, 0x10000);
      return withoutQueues(state);
    });
  });

  it('without the collection tables they are', () => {
    findsLoss((state, tables, guest) => {
      for (const { collections } of guest.tables) clear(tables, collections, 0x10000);
      return state;
    });
  });

  it('with a pending bit too many one is invented', () => {
    findsLoss((state, tables, { pending }) => {
      const at = pending[0] + (FIRST >>> 3);
      tables.store8(at, tables.load8(at) | 1);
      return state;
    });
  });
});

describe('the device API alone, as a VMM uses it', () => {
  /** What QEMU does: pending tables, ITS tables, RAM; redistributors, ITS registers, tables, GITS_CTLR. */
  function byDeviceApi(guest: ItsGuest, { pending = true, tables = true } = {}): ItsGuest {
    if (pending) guest.gic.lpis.savePending();
    if (tables) for (const each of guest.gic.its) ITS_TABLE_ABIS[0].save(each);
    const twin = ItsGuest.arrived(guest, guest.memory.bytes.slice());
    twin.guest.prepare();
    for (let n = 0; n < twin.pending.length; n++) twin.enableLpis(n, false);
    for (const [n, each] of guest.gic.its.entries()) {
      const other = twin.gic.its[n];
      twin.placeTables(n);
      Object.assign(other.queue, { creadr: each.queue.creadr, cwriter: each.queue.cwriter });
      expect(ITS_TABLE_ABIS[0].restore(other)).toBe(0);
      twin.store('GITS_CTLR', 1n, 0, 4, n);
    }
    return twin;
  }
  const send = (guest: ItsGuest) => {
    for (let event = 0; event < EVENTS; event++) guest.msi(0, event, 0);
    return guest;
  };
  const takes = (guest: ItsGuest) => [0, 1, 2].flatMap((n) => guest.taken(n)).sort();

  it('carries what is pending', () => {
    expect(takes(byDeviceApi(send(start().guest)))).toEqual([8192, 8193, 8194, 8195]);
  });

  it('without SAVE_PENDING_TABLES it is lost; without SAVE_TABLES everything is', () => {
    const lost = byDeviceApi(send(start().guest), { pending: false });
    expect([takes(lost), lost.msi(0, 0, 0)]).toEqual([[], 1]);
    const empty = byDeviceApi(send(start().guest), { tables: false });
    expect([takes(empty), empty.msi(0, 0, 0)]).toEqual([[], 0]);
  });
});
