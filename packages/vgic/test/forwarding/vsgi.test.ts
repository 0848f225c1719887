import { describe, expect, it } from 'vitest';
import { doorbellOf, type Host, ready, VPEND } from '../physical-gic/host.js';

/** vSGIs of GICv4.1. IHI 0069, 5.3 "VSGI", 12.19 (GITS_SGIR), 12.12 (GICR_VSGIR, GICR_VSGIPENDR). */

interface Sgi {
  readonly enable?: number;
  readonly group?: number;
  /** 8 bits. */
  readonly priority?: number;
}

function configure(host: Host, sgi: number, { enable = 1, group = 1, priority = 0xa0 }: Sgi = {}, vpe = 0): void {
  host.issue('VSGI', { vpe, sgiIntid: sgi, sgiEnable: enable, sgiGroup: group, sgiPriority: priority >>> 4 });
}
const send = (host: Host, sgi: number, vpe = 0) => host.storeGits('GITS_SGIR', sgi, vpe);

function pending(host: Host, vpe = 0): number {
  host.storeGicr(1, 'GICR_VSGIR', vpe);
  return host.loadGicr(1, 'GICR_VSGIPENDR')[0];
}

describe('a vSGI', () => {
  it('sent by GITS_SGIR is taken by the resident vPE once, without an active state', () => {
    const host = ready();
    configure(host, 5);
    host.enter(0, 0);
    send(host, 5);
    send(host, 5);
    expect(host.taken(0)).toEqual([5]);
  });

  it('goes to the vPE that GITS_SGIR names and to no other', () => {
    const host = ready();
    for (const vpe of [0, 1]) configure(host, 5, {}, vpe);
    for (const vpe of [0, 1]) host.enter(vpe, vpe);
    send(host, 5, 1);
    expect([host.taken(0), host.taken(1)]).toEqual([[], [5]]);
  });

  it('that is not enabled stays pending until VSGI enables it', () => {
    const host = ready();
    configure(host, 5, { enable: 0 });
    host.enter(0, 0);
    send(host, 5);
    expect([host.taken(0), pending(host)]).toEqual([[], 1 << 5]);
    configure(host, 5);
    expect([host.taken(0), pending(host)]).toEqual([[5], 0]);
  });

  it('is cleared by VSGI with C=1, which leaves the configuration', () => {
    const host = ready();
    configure(host, 5);
    host.enter(0, 0);
    send(host, 5);
    host.issue('VSGI', { vpe: 0, sgiIntid: 5, sgiClear: 1 });
    expect(host.taken(0)).toEqual([]);
    send(host, 5);
    expect(host.taken(0)).toEqual([5]);
  });

  it('comes among vLPIs by priority, and before them at the same', () => {
    const host = ready();
    configure(host, 3, { priority: 0xb0 });
    configure(host, 5, { priority: 0xa0 });
    configure(host, 7, { priority: 0x10 });
    host.enter(0, 0);
    host.gic.msi(1, 0);
    for (const sgi of [3, 5, 7]) send(host, sgi);
    expect(host.taken(0)).toEqual([7, 5, 8192, 3]);
  });

  it('of group 0 is not signalled while only group 1 is enabled', () => {
    const host = ready();
    configure(host, 5, { group: 0 });
    host.enter(0, 0, VPEND.group1);
    send(host, 5);
    expect(host.taken(0)).toEqual([]);
    host.exit(0);
    host.enter(0, 0);
    expect([host.gic.best(0, 2), host.gic.best(0, 1)]).toEqual([-1, 5]);
  });

  it('rings the default doorbell of a vPE that is not resident', () => {
    const host = ready();
    configure(host, 5);
    host.enter(0, 0);
    host.exit(0);
    send(host, 5);
    expect(host.told).toEqual([[0, doorbellOf(0)]]);
  });

  it('counts for PendingLast', () => {
    const host = ready();
    configure(host, 5);
    send(host, 5);
    host.enter(0, 0);
    expect(host.exit(0)).toBe(true);
  });

  it('survives VMAPP with V=0 and V=1, configuration and pending bit', () => {
    const host = ready();
    configure(host, 5, { priority: 0x20 });
    configure(host, 6, { priority: 0x10 });
    for (const sgi of [5, 6]) send(host, sgi);
    host.unmapVpe(0);
    expect(pending(host)).toBe(0);
    host.mapVpe(0);
    host.enter(0, 0);
    expect(host.taken(0)).toEqual([6, 5]);
  });

  it('to a vPE that is not mapped is lost', () => {
    const host = ready();
    send(host, 5, 9);
    host.issue('VSGI', { vpe: 9, sgiIntid: 5, sgiEnable: 1 });
    expect(pending(host, 9)).toBe(0);
  });
});
