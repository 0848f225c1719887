/** LPIs: their tables in memory, GICR_CTLR.EnableLPIs, and MSIs on every way there is. */

import { baseRegister, bytesOf, FIRST_LPI, type ItsPlan, PAGE } from '../../generator/guest-tables.js';
import { hex, hex64 } from '../../generator/protocol.js';
import { GITS_TRANSLATER, REDISTRIBUTOR, REDISTRIBUTOR_STRIDE } from '../../generator/registers.js';
import type { Sequence } from '../../generator/sequence.js';
import { acknowledgeOn, enterOn, exitOn } from '../gic/delivery.js';
import { deviceOf, eventOf } from './values.js';

/** The doorbell that the protocol takes where none is named. */
const DEFAULT_DOORBELL = 0x08090040;

const redistributor = (s: Sequence, vcpu: number, name: string): string =>
  hex(
    s.vm.configuration.redistributors +
      vcpu * REDISTRIBUTOR_STRIDE +
      REDISTRIBUTOR.registers.find((register) => register.name === name)!.offset,
  );

export function writeRedistributor(s: Sequence, vcpu: number, name: string, value: string, len: 4 | 8 = 8): void {
  const operation = { op: 'mmio_write', vcpu, addr: redistributor(s, vcpu, name), value };
  s.emit(len === 8 ? { ...operation, len } : operation, `${name} write`);
}

/** An LPI's byte in the configuration table: priority, RES1, enable (IHI 0069, 5.1.1). The GIC need not notice. */
export function writeConfiguration(s: Sequence, lpi: number): void {
  const { random, tables } = s;
  if (lpi < FIRST_LPI || lpi > 65535) return;
  const priority = random.chance(0.9) ? random.pick(s.priorities) & 0xfc : random.below(256);
  const byte = priority | (random.chance(0.5) ? 2 : 0) | (random.chance(0.8) ? 1 : 0);
  s.emit(
    { op: 'mem_write', addr: hex(tables!.configuration + lpi - FIRST_LPI), hex: byteOf(byte) },
    'LPI configuration',
  );
}

const byteOf = (value: number): string => bytesOf(value).slice(0, 2);

/** A configuration byte changes, and the redistributor is told, by its own registers, or not at all. */
export function configureLpi(s: Sequence): void {
  const { random } = s;
  const lpi = random.pick(s.lpis);
  writeConfiguration(s, lpi);
  const vcpu = s.realVcpu();
  const told = random.chance(0.9) ? lpi : random.pick([0, 31, 8191, 65535, 65536, random.word()]);
  switch (random.below(5)) {
    case 0:
    case 1:
      writeRedistributor(s, vcpu, 'GICR_INVLPIR', hex64(random.chance(0.1) ? random.word() : 0, told));
      break;
    case 2:
      writeRedistributor(s, vcpu, 'GICR_INVALLR', hex64(0, random.chance(0.8) ? 0 : random.word()));
      break;
    case 3: {
      s.emit(
        { op: 'mmio_write', vcpu, addr: hex(Number(redistributor(s, vcpu, 'GICR_INVLPIR')) + 4), value: '0x0' },
        'GICR_INVLPIR write',
      );
      writeRedistributor(s, vcpu, 'GICR_INVLPIR', hex(told), 4);
      break;
    }
  }
}

/** Bytes of a pending table, around the LPIs of the sequence. */
export function writePending(s: Sequence): void {
  const { random, tables } = s;
  const lpi = random.pick(s.lpis);
  const at = random.pick(tables!.pending) + (lpi >> 3);
  s.emit({ op: 'mem_write', addr: hex(at), hex: byteOf(random.chance(0.3) ? 0 : random.below(256)) }, 'pending table');
}

/** GICR_PROPBASER, GICR_PENDBASER and EnableLPIs of a vCPU. */
function enableOn(s: Sequence, vcpu: number, clean: boolean): void {
  const { random, tables } = s;
  const { configuration, pending, idBits, ramBase, ramBytes } = tables!;
  const odd = (address: number) =>
    random.chance(0.96) ? address : random.pick([ramBase + ramBytes, ramBase + ramBytes - PAGE, 0, pending[0]!]);
  if (random.chance(0.95)) {
    const bits = random.chance(0.93) ? idBits : random.below(32);
    const base = odd(configuration) + bits;
    if (random.chance(0.9)) writeRedistributor(s, vcpu, 'GICR_PROPBASER', hex(base));
    else writeRedistributor(s, vcpu, 'GICR_PROPBASER', hex(base % 2 ** 32), 4);
  }
  const zeroes = clean || random.chance(0.4) ? 0x40000000 : 0;
  if (random.chance(0.95))
    writeRedistributor(s, vcpu, 'GICR_PENDBASER', baseRegister(odd(pending[vcpu]!), zeroes, 0x780));
  writeRedistributor(s, vcpu, 'GICR_CTLR', '0x1', 4);
}

/** What a guest's kernel does first with LPIs: configuration table, pending tables, EnableLPIs. */
export function bootLpis(s: Sequence): void {
  for (const lpi of s.lpis) writeConfiguration(s, lpi);
  if (s.random.chance(0.3)) writePending(s);
  for (let vcpu = 0; vcpu < s.vcpus; vcpu++) {
    if (s.random.chance(0.95)) enableOn(s, vcpu, s.random.chance(0.5));
  }
}

/** EnableLPIs goes off, on, or both, with tables written in between. */
export function enableLpis(s: Sequence): void {
  const { random } = s;
  const vcpu = s.realVcpu();
  if (random.chance(0.85)) writeRedistributor(s, vcpu, 'GICR_CTLR', '0x0', 4);
  if (random.chance(0.3)) writePending(s);
  if (random.chance(0.85)) enableOn(s, vcpu, false);
}

/** Where an MSI is written: mostly GITS_TRANSLATER of the ITS that it is for. */
function doorbell(s: Sequence, its: ItsPlan): { doorbell?: string } {
  const { random } = s;
  const right = its.base + GITS_TRANSLATER;
  const at = random.chance(0.95)
    ? right
    : random.pick([its.base, its.base + 0x1fffc, its.base + 0x20000, right + 2, 0, DEFAULT_DOORBELL, 0x0a000000]);
  return at === DEFAULT_DOORBELL && random.chance(0.5) ? {} : { doorbell: hex(at) };
}

/** KVM_SIGNAL_MSI. */
export function signalMsi(s: Sequence): void {
  const { random } = s;
  const its = random.pick(s.tables!.its);
  const devid = random.chance(0.95) ? { devid: deviceOf(s, its) } : {};
  s.emit({ op: 'msi', ...doorbell(s, its), ...devid, data: eventOf(s) }, 'MSI');
}

/** MSIs, then the vCPUs enter and take what is there. */
export function deliverMsi(s: Sequence): void {
  const { random } = s;
  for (let i = random.weighted([[4, 1] as const, [2, 2] as const, [1, 6] as const]); i > 0; i--) signalMsi(s);
  const first = s.realVcpu();
  const vcpus = random.chance(0.3) ? [first] : Array.from({ length: s.vcpus }, (_, vcpu) => vcpu);
  for (const vcpu of vcpus) {
    enterOn(s, vcpu);
    for (let i = random.between(1, 2); i > 0; i--) acknowledgeOn(s, vcpu);
    if (random.chance(0.3)) exitOn(s, vcpu);
  }
}

const FIRST_GSI = 8;

/** A GSI is routed to an MSI. It replaces what was at that GSI, and the first route all that there was. */
export function routeMsi(s: Sequence): void {
  const { random } = s;
  const its = random.pick(s.tables!.its);
  const gsi = FIRST_GSI + random.below(6);
  s.emit(
    { op: 'set_route', gsi, type: 'msi', ...doorbell(s, its), devid: deviceOf(s, its), data: eventOf(s) },
    'route MSI',
  );
}

/** An eventfd signals such a GSI. */
export function signalRoute(s: Sequence): void {
  const { random } = s;
  s.emit({ op: 'irqfd', gsi: FIRST_GSI + random.below(6), level: random.chance(0.95) ? 1 : 0 }, 'irqfd MSI');
}
