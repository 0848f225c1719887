import { describe, expect, it } from 'vitest';
import { vgicState } from '../../src/index.js';
import { Guest } from '../guest.js';

/** The text of KVM's debugfs file `vgic-state`. */

const HEADER = 'TYP   ID TGT_ID PLAEHCG     HWID   TARGET SRC PRI VCPU_ID';

const rowOf = (guest: Guest, pattern: RegExp) =>
  vgicState(guest.gic)
    .split('\n')
    .filter((line) => pattern.test(line));

describe('vgic_state', () => {
  it('begins with the distributor, then has a table for each vCPU and one for the SPIs', () => {
    const text = vgicState(new Guest({ vcpus: 2, interrupts: 64 }).gic);
    const lines = text.split('\n');
    expect(lines.slice(0, 11)).toEqual([
      'Distributor',
      '===========',
      'vgic_model:\tGICv3',
      'nr_spis:\t32',
      'nr_lpis:\t0',
      'enabled:\t0',
      '',
      'P=pending_latch, L=line_level, A=active',
      'E=enabled, H=hw, C=config (level=1, edge=0)',
      'G=group',
      '',
    ]);
    expect(lines.filter((line) => line.endsWith(HEADER))).toEqual([
      `VCPU 0 ${HEADER}`,
      `VCPU 1 ${HEADER}`,
      `SPI  0 ${HEADER}`,
    ]);
    expect(lines.filter((line) => /^ {7}SGI/.test(line)).length).toBe(32);
    expect(lines.filter((line) => /^ {7}PPI/.test(line)).length).toBe(32);
    expect(lines.filter((line) => /^ {7}SPI/.test(line)).length).toBe(32);
    expect(text.endsWith('\n')).toBe(true);
  });

  it('a GICv2 has no line for LPIs', () => {
    const text = vgicState(new Guest({ version: 2 }).gic);
    expect(text).toContain('vgic_model:\tGICv2\nnr_spis:\t224\nenabled:\t0\n');
  });

  it('a row shows latch, line, active, enabled, hw, config, group, route, priority, and in whose list it is', () => {
    const guest = Guest.ready({ vcpus: 2, interrupts: 64 });
    guest.spi(40, { vcpu: 1, priority: 0x48 });
    guest.gic.setLine(40, true);
    guest.mark('ISPENDR', 40);
    expect(rowOf(guest, /^ {7}SPI {3}40/)).toEqual([
      '       SPI   40      1 1101011        0        1   0  72       1 ',
    ]);
    expect(rowOf(guest, /^ {7}SPI {3}41/)).toEqual([
      '       SPI   41      0 0000011        0        0   0 160      -1 ',
    ]);
    guest.setEdge(41, true);
    expect(rowOf(guest, /^ {7}SPI {3}41/)).toEqual([
      '       SPI   41      0 0000001        0        0   0 160      -1 ',
    ]);
  });

  it('an SPI routed to no vCPU has target -1', () => {
    const guest = Guest.ready({ interrupts: 64 });
    guest.store('GICD_IROUTER', 0xabcdef, 40 * 8);
    expect(rowOf(guest, /^ {7}SPI {3}40/)).toEqual([
      '       SPI   40     -1 0000011        0   abcdef   0 160      -1 ',
    ]);
  });

  it('a GICv2 SGI shows its senders', () => {
    const guest = Guest.ready({ version: 2, vcpus: 2, interrupts: 64 });
    guest.sendSgi(3, [1], 0);
    guest.sendSgi(3, [1], 1);
    expect(rowOf(guest, /^ {7}SGI {4}3/)).toEqual([
      '       SGI    3      0 0001000        0        1   0 160      -1 ',
      '       SGI    3      1 1001000        0        2   3 160       1 ',
    ]);
  });
});
