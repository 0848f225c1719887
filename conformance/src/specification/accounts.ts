import { FIRST_LPI, PRIVATE, SGIS } from './architecture/configuration.js';

/** No vCPU: where an SPI is routed to that reaches nobody. */
export const NOWHERE = -1;
/** Where the keys of PPIs begin, behind those of SGIs. */
const PPIS = 0x10000;
/** Interrupts in group 1: a pattern by INTID. LPIs are in group 1. */
export const GROUPS = 0xa5f0c3b6;
export const groupOf = (intid: number): number => (intid < FIRST_LPI ? (GROUPS >>> (intid & 31)) & 1 : 1);

/**
 * What guests are owed and have, by a key for each interrupt: its INTID if it is shared, else a negative number of its vCPU and
 * INTID, of a GICv2's SGI of its source too. Values are as an acknowledge reads them.
 */
export class Accounts {
  /** What was sent and not taken yet. */
  readonly owed = new Set<number>();
  /** Lines that are asserted. */
  readonly lines = new Set<number>();
  /** Whom an SPI or LPI is for. */
  readonly routes = new Map<number, number>();
  /** Acknowledged and not deactivated; an SGI is so by its INTID, whoever sent it. */
  readonly #active = new Set<number>();
  /** How many were taken. */
  taken = 0;

  constructor(readonly version: 2 | 3) {}

  /** Of a GICv2's SGI without the source. */
  intidOf(value: number): number {
    return this.version === 2 ? value & 0x3ff : value;
  }

  sgi(target: number, intid: number, source: number): number {
    return -1 - (target + 8 * (intid + SGIS * (this.version === 2 ? source : 0)));
  }

  keyOf(vcpu: number, value: number): number {
    const intid = this.intidOf(value);
    if (intid < SGIS) return this.sgi(vcpu, intid, value >>> 10);
    return intid < PRIVATE ? -1 - (PPIS + vcpu + 8 * intid) : intid;
  }

  /** Whom an interrupt is for. */
  targetOf(key: number): number {
    return key < 0 ? (-1 - key) & 7 : (this.routes.get(key) ?? NOWHERE);
  }

  nameOf(key: number): string {
    const own = -1 - key;
    if (own < 0) return `INTID ${key}`;
    const vcpu = own & 7;
    return own < PPIS ? `SGI ${(own >>> 3) % SGIS} for vCPU ${vcpu}` : `PPI ${(own - PPIS) >>> 3} of vCPU ${vcpu}`;
  }

  /** A vCPU has acknowledged an interrupt that was signalled as FIQ or as IRQ; what is wrong with that. */
  take(vcpu: number, value: number, fiq: boolean): string | undefined {
    const key = this.keyOf(vcpu, value);
    const intid = this.intidOf(value);
    const wasOwed = this.owed.delete(key);
    const wasActive = this.#active.has(this.#activeKey(vcpu, value));
    const target = this.targetOf(key);
    this.taken++;
    if (intid < FIRST_LPI) this.#active.add(this.#activeKey(vcpu, value));
    if (!wasOwed && !this.lines.has(key)) return `INTID ${intid} was taken and not sent`;
    if (wasActive) return `INTID ${intid} was taken while it is active`;
    if (target !== vcpu) return `INTID ${intid} was taken by vCPU ${vcpu}, and is for ${target}`;
    return fiq && groupOf(intid) === 1 ? `INTID ${intid} of group 1 came as FIQ` : undefined;
  }

  /** It is deactivated. */
  deactivate(vcpu: number, value: number): void {
    this.#active.delete(this.#activeKey(vcpu, value));
  }

  #activeKey(vcpu: number, value: number): number {
    const intid = this.intidOf(value);
    return intid < SGIS ? this.sgi(vcpu, intid, 0) : this.keyOf(vcpu, value);
  }
}
