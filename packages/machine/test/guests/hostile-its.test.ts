import fc from 'fast-check';
import { COMMANDS, Command, type CommandName, type FieldName } from 'vgic';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../../src/crc32.js';
import { Machine, RAM_BASE } from '../../src/index.js';
import { testProgram } from '../programs/index.js';

const MEMORY = 4 << 20;
const VCPUS = 3;
const DISTRIBUTOR = 0x0800_0000;
const ITS = 0x0808_0000;
const REDISTRIBUTOR = 0x080a_0000;
const REDISTRIBUTOR_SIZE = 0x2_0000;
const R = { ctlr: 0x00, cbaser: 0x80, cwriter: 0x88, baser: 0x100, propbaser: 0x70, pendbaser: 0x78 };
const TRANSLATER = ITS + 0x1_0040;
const QUEUE = 0x18_0000;
const VALID = 1n << 63n;
const INDIRECT = 1n << 62n;

/** Where tables are, as offsets in RAM: few places, some at its end, beyond it or below, so that they come over each other. */
const place = fc.constantFrom(
  ...[0x10_0000, 0x11_0000, 0x12_0000, 0x15_0000, 0x16_0000, 0x17_0000, 0x19_0000],
  ...[MEMORY - 0x1_0000, MEMORY - 0x1000, MEMORY, -RAM_BASE],
);
/** Mostly the first. */
const usually = <T>(one: T, others: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(one) }, { weight: 1, arbitrary: others });

type Step = (machine: Machine, guest: { writeOffset: number }) => void;
const step = (name: string, values: unknown, run: Step): Step =>
  Object.assign(run, { [fc.toStringMethod]: () => `${name}${JSON.stringify(values)}` });

const write64 = ({ gic }: Machine, address: number, value: bigint) =>
  gic.write(0, address, 8, Number(value & 0xffff_ffffn), Number(value >> 32n));
const inRam = (offset: number) => BigInt(RAM_BASE + offset);
const viewOf = ({ core }: Machine) => new DataView(core.ram.buffer, core.ram.byteOffset, core.ram.length);

/** Registers of the ITS and of a redistributor, in an order that mostly works. */
const setUp = fc
  .record({
    device: usually(0x15_0000, place),
    collection: usually(0x16_0000, place),
    size: fc.nat(2),
    indirect: fc.boolean(),
    properties: usually(0x10_0000, place),
    pending: fc.array(usually(0x11_0000, place), { minLength: VCPUS, maxLength: VCPUS }),
    idBits: fc.constantFrom(13, 15),
    enabled: fc.nat(7),
  })
  .map((values) =>
    step('set up ', values, (machine, guest) => {
      const { device, collection, size, indirect, properties, pending, idBits, enabled } = values;
      machine.gic.write(0, DISTRIBUTOR, 4, 2, 0);
      for (let vcpu = 0; vcpu < VCPUS; vcpu++) {
        const base = REDISTRIBUTOR + vcpu * REDISTRIBUTOR_SIZE;
        write64(machine, base + R.propbaser, inRam(properties) | BigInt(idBits));
        write64(machine, base + R.pendbaser, inRam(pending[vcpu] + vcpu * 0x1_0000));
        machine.gic.write(0, base + R.ctlr, 4, (enabled >> vcpu) & 1, 0);
      }
      write64(machine, ITS + R.baser, VALID | (indirect ? INDIRECT : 0n) | inRam(device) | BigInt(size));
      write64(machine, ITS + R.baser + 8, VALID | inRam(collection) | BigInt(size));
      viewOf(machine).setBigUint64(0x15_0000, VALID | inRam(0x17_0000), true);
      write64(machine, ITS + R.cbaser, VALID | inRam(QUEUE));
      guest.writeOffset = 0;
      machine.gic.write(0, ITS, 4, 1, 0);
    }),
  );

const names = Object.keys(COMMANDS).filter((name) => COMMANDS[name as CommandName].opcode < 0x20) as CommandName[];
const command = fc
  .tuple(
    fc.oneof(fc.constantFrom<CommandName>('MAPD', 'MAPC', 'MAPTI'), fc.constantFrom(...names)),
    fc.record({
      deviceId: fc.nat(4),
      eventId: fc.nat(5),
      size: fc.constantFrom(0, 2, 4, 15),
      intid: fc.oneof(fc.integer({ min: 8192, max: 8200 }), fc.constantFrom(13_000, 65_535)),
      collection: fc.nat(4),
      ittAddress: usually(0x19_0000, place).map((offset) => (RAM_BASE + offset) / 256),
      target: fc.nat(VCPUS),
      target2: fc.nat(VCPUS),
      valid: usually(1, fc.constant(0)),
    } satisfies Partial<Record<FieldName, fc.Arbitrary<number>>>),
  )
  .map(([name, fields]) =>
    step(`${name} `, fields, (machine, guest) => {
      const { words } = Command.of(name, fields);
      words.forEach((word, n) => {
        viewOf(machine).setUint32(QUEUE + guest.writeOffset + 4 * n, word, true);
      });
      guest.writeOffset = (guest.writeOffset + 32) % 4096;
      machine.gic.write(0, ITS + R.cwriter, 8, guest.writeOffset, 0);
    }),
  );

const msi = fc
  .tuple(fc.nat(4), fc.nat(5))
  .map(([device, event]) => step('MSI ', [device, event], ({ gic }) => void gic.signalMsi(TRANSLATER, event, device)));
const enables = fc
  .tuple(
    fc.constantFrom(ITS, ...Array.from({ length: VCPUS }, (_, n) => REDISTRIBUTOR + n * REDISTRIBUTOR_SIZE)),
    fc.nat(1),
  )
  .map(([address, value]) => step('CTLR ', [address, value], ({ gic }) => gic.write(0, address, 4, value, 0)));
const tables = fc
  .tuple(fc.nat(VCPUS - 1), fc.constantFrom(R.propbaser, R.pendbaser), place)
  .map(([vcpu, register, offset]) =>
    step('LPI table ', [vcpu, register, offset], (machine) =>
      write64(machine, REDISTRIBUTOR + vcpu * REDISTRIBUTOR_SIZE + register, inRam(offset) | 15n),
    ),
  );
const scribble = fc
  .tuple(place, fc.nat(63), fc.oneof(fc.nat(0xffff_ffff), fc.constantFrom(0, 0xa1a1_a1a1)))
  .map(([offset, word, value]) =>
    step('store ', [offset, word, value], (machine) => {
      if (offset >= 0 && offset < MEMORY) viewOf(machine).setUint32(offset + 4 * word, value, true);
    }),
  );
/** A vCPU in the guest for a moment; it may acknowledge what is pending. */
const visit = fc.tuple(fc.nat(VCPUS - 1), fc.boolean()).map(([vcpu, acknowledges]) =>
  step('run ', [vcpu, acknowledges], ({ gic }) => {
    const ICC_IAR1_EL1 = 0xc660;
    gic.enter(vcpu);
    if (acknowledges) gic.readSystemRegister(vcpu, ICC_IAR1_EL1);
    gic.exit(vcpu);
  }),
);

const steps = fc
  .tuple(
    setUp,
    fc.array(
      fc.oneof(
        { weight: 8, arbitrary: command },
        { weight: 3, arbitrary: msi },
        { weight: 1, arbitrary: fc.oneof(setUp, enables, tables, scribble) },
        { weight: 2, arbitrary: visit },
      ),
      { maxLength: 60 },
    ),
  )
  .map(([first, rest]) => [first, ...rest]);

function play(list: Step[]): Machine {
  const machine = new Machine({ vcpus: VCPUS, memory: MEMORY, gic: 3 });
  machine.load({ kernel: testProgram('spin') });
  const guest = { writeOffset: 0 };
  for (const each of list) each(machine, guest);
  return machine;
}

/** The GIC as far as LPIs go, without what a save writes. */
function lpisOf({ gic: { irqs } }: Machine): number[][] {
  const list: number[][] = [];
  const bit = (words: Uint32Array, i: number) => (words[i >>> 5] >>> (i & 31)) & 1;
  irqs.eachLpi((i) => {
    const state = [irqs.latch, irqs.enabled, irqs.active].map((words) => bit(words, i));
    list.push([irqs.intidOf(i), irqs.target[i], irqs.priority[i], irqs.lists.owner[i], ...state]);
    return true;
  });
  return list;
}

describe('a guest that leaves the tables of the ITS and the LPIs in disorder', () => {
  it('can be saved whatever it does, does not notice, and comes back as it was', () => {
    let told = 0;
    fc.assert(
      fc.property(steps, (list) => {
        const machine = play(list);
        const before = { ram: crc32(machine.core.ram), lpis: lpisOf(machine) };
        const state = machine.save();
        expect({ ram: crc32(machine.core.ram), lpis: lpisOf(machine) }).toEqual(before);
        const copy = Machine.restore(state);
        expect({ ram: crc32(copy.core.ram), lpis: lpisOf(copy) }).toEqual(before);
        expect(JSON.stringify(copy.save().gic)).toBe(JSON.stringify(state.gic));
        if (state.gic.mappings[0] !== null) told++;
      }),
      { numRuns: 300 },
    );
    // Both ways of bringing translations back were gone.
    expect(told).toBeGreaterThan(20);
    expect(told).toBeLessThan(280);
  });

  it('goes on as if it had not been saved', () => {
    fc.assert(
      fc.property(steps, fc.array(fc.oneof(command, msi, visit, enables), { maxLength: 40 }), (list, more) => {
        const machine = play(list);
        const copy = Machine.restore(machine.save());
        for (const each of [machine, copy]) {
          const guest = { writeOffset: Number(each.gic.its[0].queue.cwriter) };
          for (const one of more) one(each, guest);
        }
        expect(lpisOf(copy)).toEqual(lpisOf(machine));
        expect(crc32(copy.core.ram)).toBe(crc32(machine.core.ram));
      }),
      { numRuns: 200 },
    );
  });
});
