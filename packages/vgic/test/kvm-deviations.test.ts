import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GICD_V3_REGISTERS } from '../src/architecture/distributor-v3.js';
import { offsetsOf } from '../src/architecture/register-map.js';
import { GicError, KVM_DEVIATIONS, type KvmCompatibility, type KvmDeviationName, kvmNamed, Ram } from '../src/index.js';
import * as uapi from '../src/kvm/index.js';
import { ARCHITECTURE, Guest, SPURIOUS } from './guest.js';
import { ItsGuest, RAM_BASE } from './its-guest.js';
import { machineWithDevice, nameOf, readyMachine } from './machine.js';

const { GICD_IIDR } = offsetsOf(GICD_V3_REGISTERS);

/** The one table of what a KVM does otherwise: complete, and each entry of it makes the difference that it tells of. */

const NAMES = Object.keys(KVM_DEVIATIONS) as KvmDeviationName[];

describe('the table of deviations', () => {
  const SOURCES = new URL('../src/', import.meta.url);
  const texts = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readFileSync(new URL(path, SOURCES), 'utf8'));

  it('has each entry that the code asks for, and the code asks for each', () => {
    const calls = texts.flatMap((text) => [...text.matchAll(/(?<!function )\bdeviates\(/g)]);
    const asked = texts.flatMap((text) =>
      [...text.matchAll(/\bdeviates\([^()]*, '(\w+)'\)/g)].map((match) => match[1]),
    );
    // each by its name: none in a variable
    expect(asked.length).toBe(calls.length);
    expect([...new Set<string>(asked)].sort()).toEqual([...NAMES].sort());
  });

  it.each(NAMES)('%s says what KVM does, what is right, and where that is written', (name) => {
    const { kvm, architecture, source } = KVM_DEVIATIONS[name];
    for (const sentence of [kvm, architecture]) expect(sentence).toMatch(/^[A-Z].*\.$/);
    expect(source).toMatch(/^(IHI 00|DDI 0|Linux, )/);
  });
});

describe('a KVM by name', () => {
  it('is a kernel, or some entries, or none', () => {
    expect(kvmNamed('6.12')).toBe('6.12');
    expect(kvmNamed('none')).toBeUndefined();
    expect(kvmNamed('activeFirst,wakerIsZero')).toEqual(['activeFirst', 'wakerIsZero']);
  });

  it.each(['6.13', '', 'activeFirst,', 'toString', 'activeFirst, wakerIsZero', '__proto__'])(
    'that there is not, %j, is refused with those that there are',
    (text) => {
      expect(() => kvmNamed(text)).toThrow(GicError);
      expect(() => kvmNamed(text)).toThrow(/none, 6\.12, or some of activeFirst, /);
    },
  );
});

/** Edge-triggered SPI 40, to vCPU 0, pending and in its list register; vCPU 1 has something to change. */
function inListRegister(kvm: KvmCompatibility): Guest {
  const guest = Guest.ready({ vcpus: 2, kvm });
  guest.spi(40, { edge: true });
  guest.gic.setLine(40, true);
  return guest.enter(0);
}

/** Device 1, whose event 0 is LPI 8192. */
function withLpi(kvm: KvmCompatibility): ItsGuest {
  const guest = ItsGuest.ready({ kvm, ram: 1 << 20 });
  guest.mapDevice(1);
  guest.mapEvent(1, 0, 8192);
  return guest;
}

interface Difference {
  /** What a guest or a user sees. */
  see(kvm: KvmCompatibility): unknown;
  readonly architecture: unknown;
  readonly kvm: unknown;
}

const DIFFERENCES: Readonly<Record<KvmDeviationName, Difference>> = {
  activeFirst: {
    see(kvm) {
      const guest = Guest.ready({ listRegisters: 1, kvm });
      guest.setEoiMode(true);
      for (const intid of [40, 41]) {
        guest.spi(intid, { edge: true });
        guest.gic.setLine(intid, true);
        guest.enter();
        if (intid === 40) guest.end(guest.acknowledge());
      }
      return guest.acknowledge();
    },
    architecture: 41,
    kvm: SPURIOUS,
  },
  endsOutsideForgotten: {
    see(kvm) {
      const guest = Guest.ready({ listRegisters: 1, kvm });
      guest.setEoiMode(true);
      for (const intid of [40, 41]) {
        guest.spi(intid);
        guest.mark('ISACTIVER', intid);
      }
      guest.enter();
      guest.deactivate(41);
      return guest.bit('ISACTIVER', 41);
    },
    architecture: 0,
    kvm: 1,
  },
  endOfOtherPriority: {
    see(kvm) {
      const guest = inListRegister(kvm);
      guest.acknowledge();
      guest.setPriority(40, 0x20);
      guest.end(40);
      return guest.bit('ISACTIVER', 40);
    },
    architecture: 0,
    kvm: 1,
  },
  activeLpis: {
    see(kvm) {
      const its = withLpi(kvm);
      its.msi(1, 0);
      its.guest.enter();
      its.guest.acknowledge();
      its.configure(8192, 0x21);
      its.issue('INV', { deviceId: 1, eventId: 0 });
      its.msi(1, 0);
      its.guest.enter();
      return its.guest.acknowledge();
    },
    architecture: 8192,
    kvm: SPURIOUS,
  },
  levelLatchUntilEnd: {
    see(kvm) {
      const guest = Guest.ready({ kvm });
      guest.spi(40);
      guest.mark('ISPENDR', 40);
      guest.enter().acknowledge();
      return guest.bit('ISPENDR', 40);
    },
    architecture: 0,
    kvm: 1,
  },
  changesWaitForExit: {
    see(kvm) {
      const guest = inListRegister(kvm);
      guest.mark('ICPENDR', 40, 1);
      return guest.acknowledge(0);
    },
    architecture: SPURIOUS,
    kvm: 40,
  },
  enablingQueuesNothing: {
    see(kvm) {
      const guest = Guest.ready({ kvm });
      guest.spi(40, { edge: true });
      guest.store('GICD_CTLR', 0);
      guest.gic.setLine(40, true);
      guest.store('GICD_CTLR', 3);
      return guest.serve();
    },
    architecture: [40],
    kvm: [],
  },
  noTargetIsVcpu0: {
    see(kvm) {
      const guest = Guest.ready({ version: 2, vcpus: 2, kvm });
      guest.spi(40, { edge: true });
      guest.store('GICD_ITARGETSR', 0, 40, 0, 1);
      guest.gic.setLine(40, true);
      return guest.serve(0);
    },
    architecture: [],
    kvm: [40],
  },
  sgisOfNobody: {
    see(kvm) {
      const guest = Guest.ready({ version: 2, vcpus: 2, kvm });
      guest.store('GICD_SPENDSGIR', 0xff, 3, 0, 1);
      return guest.load('GICD_SPENDSGIR', 3, 0, 1);
    },
    architecture: 0x03,
    kvm: 0xff,
  },
  oneDistributorEnable: {
    see(kvm) {
      const [v2, v3] = [new Guest({ version: 2, kvm }), new Guest({ kvm })];
      for (const guest of [v2, v3]) guest.store('GICD_CTLR', 3);
      return [v2.load('GICD_CTLR'), v3.load('GICD_CTLR')];
    },
    architecture: [3, 0x53],
    kvm: [1, 0x52],
  },
  wakesForDisabledGroups: {
    see(kvm) {
      const guest = Guest.ready({ kvm });
      guest.spi(40);
      guest.gic.setLine(40, true);
      guest.msr('ICC_IGRPEN1_EL1', 0);
      return guest.gic.hasPending(0);
    },
    architecture: false,
    kvm: true,
  },
  linesOfEdgesForgotten: {
    see(kvm) {
      const guest = Guest.ready({ kvm });
      guest.setEdge(40, true);
      guest.gic.setLine(40, true);
      guest.mark('ICPENDR', 40);
      guest.setEdge(40, false);
      return guest.bit('ISPENDR', 40);
    },
    architecture: 1,
    kvm: 0,
  },
  spisResetToEdge: {
    see: (kvm) => [new Guest({ kvm }).load('GICD_ICFGR', 8), new Guest({ version: 2, kvm }).load('GICD_ICFGR', 8)],
    architecture: [0, 0],
    kvm: [0xaaaaaaaa, 0xaaaaaaaa],
  },
  discardKeepsPending: {
    see(kvm) {
      const guest = withLpi(kvm);
      guest.msi(1, 0);
      guest.issue('DISCARD', { deviceId: 1, eventId: 0 });
      return guest.taken();
    },
    architecture: [],
    kvm: [8192],
  },
  pendingTableReadAgain: {
    see(kvm) {
      const guest = withLpi(kvm);
      guest.disableLpis();
      guest.setPendingBit(8192);
      const taken: number[][] = [];
      for (let n = 0; n < 2; n++) {
        guest.enableLpis(0, false);
        taken.push(guest.taken());
        guest.disableLpis();
      }
      return taken;
    },
    architecture: [[8192], []],
    kvm: [[8192], [8192]],
  },
  wakerIsZero: { see: (kvm) => new Guest({ kvm }).load('GICR_WAKER'), architecture: 6, kvm: 0 },
  oneOfNClaimed: { see: (kvm) => (new Guest({ kvm }).load('GICD_TYPER') >>> 25) & 1, architecture: 1, kvm: 0 },
  seisShown: { see: (kvm) => (new Guest({ seis: true, kvm }).mrs('ICC_CTLR_EL1') >>> 14) & 1, architecture: 0, kvm: 1 },
  identityAfterInitialisation: {
    see(kvm) {
      const { device } = machineWithDevice(3, {}, { kvm });
      const buffer = { value: 0n };
      return nameOf(device.get(uapi.KVM_DEV_ARM_VGIC_GRP_DIST_REGS, BigInt(GICD_IIDR), buffer));
    },
    architecture: 0,
    kvm: 'EBUSY',
  },
  unknownItsControlAccepted: {
    see(kvm) {
      const memory = new Ram(RAM_BASE, new Uint8Array(1 << 20));
      const { machine, device } = readyMachine(3, { memory }, { kvm });
      machine.createIts();
      return nameOf(device.its[0].set(uapi.KVM_DEV_ARM_VGIC_GRP_CTRL, 99n, undefined));
    },
    architecture: 'ENXIO',
    kvm: 0,
  },
};

describe('a negative control: each entry alone makes a difference', () => {
  it.each(Object.entries(DIFFERENCES))('%s', (name, { see, architecture, kvm }) => {
    expect(see(ARCHITECTURE), 'by the architecture').toEqual(architecture);
    expect(see([name as KvmDeviationName]), `with ${name} alone`).toEqual(kvm);
    expect([see('6.12'), see(NAMES)], 'with all of them').toEqual([kvm, kvm]);
  });
});
