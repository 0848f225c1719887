import type { Gic } from '../gic.js';
import { testBit } from '../interrupts/bitmap.js';
import { NO_COLLECTION } from '../its/device.js';
import { COLLECTION_NOT_MAPPED, type Its } from '../its/its.js';

function target(vcpu: number | undefined): string {
  return vcpu === undefined || vcpu === COLLECTION_NOT_MAPPED ? '-' : String(vcpu);
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** A table as its GITS_BASER<n> describes it. */
function tableLine(name: string, table: Its['deviceTable']): string {
  if (!table.valid) return `${name}: not valid`;
  const shape = table.indirect ? 'two levels' : 'flat';
  return `${name}: ${hex(table.address)}, ${table.length / 1024} KiB, ${shape}`;
}

/** One line for each event of an ITS: where its MSI goes, and the state of the LPI behind it. */
function eventLines(gic: Gic, its: Its): string[] {
  const lines: string[] = [];
  for (const device of its.devices.values()) {
    const events = 2 ** device.eventBits;
    lines.push('', `Device ID: ${hex(device.id)}, Event ID Range: [0 - ${events - 1}], ITT: ${hex(device.ittAddress)}`);
    lines.push('EVENT_ID    INTID   COL_ID   TARGET  PAE  PRI');
    lines.push('-------------------------------------------');
    device.each((event, intid, collection) => {
      const i = gic.irqs.lpiIndex(intid);
      const flags = [gic.irqs.latch, gic.irqs.active, gic.irqs.enabled].map((map) => (testBit(map, i) ? '1' : '0'));
      const columns = [
        String(event).padStart(8),
        String(intid).padStart(8),
        (collection === NO_COLLECTION ? '-' : String(collection)).padStart(8),
        target(its.collections.get(collection)).padStart(8),
        flags.join('').padStart(4),
        String(gic.irqs.priority[i]).padStart(4),
      ];
      lines.push(columns.join(' '));
      return true;
    });
  }
  return lines;
}

/**
 * An ITS in text: registers, collections, devices with their events, and the LPIs behind them (P pending latch, A active,
 * E enabled). What KVM's debugfs file `vgic-its-state` is for, with the collections beside it.
 */
export function vgicItsState(gic: Gic, n: number): string {
  const its = gic.its[n];
  const queue = `creadr: ${hex(its.queue.creadr)}, cwriter: ${hex(its.queue.cwriter)}, size: ${hex(its.queue.size)}`;
  const lines = [`ITS ${n}`, '=====', `enabled: ${its.enabled ? 1 : 0}`, `queue: ${queue}`];
  lines.push(tableLine('device table', its.deviceTable), tableLine('collection table', its.collectionTable));
  lines.push(`devices: ${its.devices.size}`, `collections: ${its.collections.size}`, '');
  lines.push('  COL_ID   TARGET', '-----------------');
  for (const [id, vcpu] of its.collections) lines.push(`${String(id).padStart(8)} ${target(vcpu).padStart(8)}`);
  lines.push(...eventLines(gic, its));
  return `${lines.join('\n')}\n`;
}
