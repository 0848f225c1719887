import type { Operation } from '../generator/protocol.js';
import { Random } from '../generator/random.js';
import { Accounts, GROUPS, groupOf, NOWHERE } from './accounts.js';
import { FIRST_EXTENDED_SPI, FIRST_LPI, PRIVATE, SGIS } from './architecture/configuration.js';
import { command, type Step, step } from './steps.js';
import { INSIDE, OUTSIDE, SIGNAL, type Subject, WAITING } from './subject.js';
import type { Machine } from './traffic/machine.js';

/**
 * The property over all, without the specification: each edge, MSI and SGI is taken at least once after it was sent,
 * unless the guest takes it back; nothing is taken that was not sent, by whom it is not for, or while it is active; nothing
 * is active after its end. The guests are well-behaved here: handlers acknowledge what is signalled, end it last in first out,
 * deactivate in any order and on any vCPU. What they mask and move, they do at any time. At the end everything is opened, and
 * what was sent has to come.
 */

/** SPIs of the machine: those with an even INTID are edge-triggered, the others level-sensitive. */
const SPIS = 12;
const LPIS = 8;
const MOST_ROUNDS = 1000;

/** The kinds of operations, and how often each comes; `at` and `value` are any number, taken modulo what there is. */
export const DELIVERY_OPERATIONS: readonly (readonly [weight: number, op: string])[] = [
  [12, 'edge'],
  [8, 'level'],
  [4, 'fall'],
  [8, 'timer'],
  [2, 'timerFalls'],
  [10, 'sgi'],
  [12, 'msi'],
  [30, 'take'],
  [24, 'end'],
  [10, 'deactivate'],
  [8, 'enter'],
  [4, 'exit'],
  [5, 'wait'],
  [5, 'route'],
  [4, 'moveLpi'],
  [3, 'cancel'],
  [2, 'clear'],
  [1, 'discard'],
  [3, 'enable'],
  [2, 'disable'],
  [2, 'mask'],
  [2, 'unmask'],
  [1, 'group'],
  [1, 'distributor'],
  [2, 'priority'],
  [1, 'lpis'],
  [0.15, 'move'],
];

export class Deliveries {
  readonly #version: 2 | 3;
  readonly #vcpus: number;
  readonly #its: boolean;
  readonly #extended: boolean;
  readonly #where: Uint8Array;
  readonly #accounts: Accounts;
  /** What each vCPU's handlers have acknowledged and not ended, and what is ended and not deactivated: values as they were read. */
  readonly #stacks: readonly number[][];
  readonly #dropped: { readonly vcpu: number; readonly value: number }[] = [];
  readonly #lpisOff: Uint8Array;
  /** Whether a vCPU has masked, disabled or grouped away something of its own, and not opened all of it since. */
  readonly #closed: Uint8Array;
  #violation: string | undefined;
  constructor(
    readonly subject: Subject,
    { guest }: Machine,
    /** Ends drop the priority only, and are followed by a deactivation. */
    readonly split: boolean,
    seed: number,
  ) {
    this.#version = guest.version;
    this.#accounts = new Accounts(guest.version);
    this.#vcpus = guest.vcpus;
    this.#its = guest.its;
    this.#extended = guest.extended;
    this.#where = new Uint8Array(guest.vcpus);
    this.#lpisOff = new Uint8Array(guest.vcpus);
    this.#closed = new Uint8Array(guest.vcpus);
    this.#stacks = Array.from({ length: guest.vcpus }, () => []);
    this.#start(new Random(seed));
  }

  // ---- accesses

  #do(step: Step): number {
    if (step.op === 'read' || step.op === 'write' || step.op === 'command' || step.op === 'configure') {
      this.#where[step.vcpu] = INSIDE;
    }
    const answer = this.subject.perform(step);
    for (let vcpu = 0; vcpu < this.#vcpus; vcpu++) {
      if (this.#where[vcpu] === WAITING && (this.subject.signals(vcpu) & SIGNAL.NOT_TOLD) !== 0) {
        this.#fail(`vCPU ${vcpu} waits, is to be woken, and nobody is told`);
      }
    }
    return answer;
  }
  #read(vcpu: number, name: string, at = 0): number {
    return this.#do(step('read', vcpu, name, at));
  }
  #write(vcpu: number, name: string, at: number, low: number, size = 4, high = 0): void {
    this.#do(step('write', vcpu, name, at, low, high, size));
  }
  #fail(violation: string): void {
    this.#violation ??= violation;
  }

  #start(random: Random): void {
    for (let vcpu = 0; vcpu < this.#vcpus; vcpu++) {
      this.#write(vcpu, 'IGROUPR', 0, GROUPS);
      this.#write(vcpu, 'ISENABLER', 0, 0xffffffff);
      for (let at = 0; at < PRIVATE; at += 4) this.#write(vcpu, 'IPRIORITYR', at, random.word() & 0x78787878);
      if (this.#version === 3) this.#write(vcpu, 'ICC_CTLR_EL1', 0, this.split ? 2 : 0);
      this.#openInterface(vcpu);
      if (this.#its) this.#write(vcpu, 'GICR_CTLR', 0, 1);
    }
    for (const word of this.#words()) {
      this.#write(0, 'IGROUPR', word, GROUPS);
      this.#write(0, 'ISENABLER', word, 0xffffffff);
      this.#write(0, 'ICFGR', 2 * word, 0x22222222);
    }
    for (let n = 0; n < SPIS; n++) {
      this.#write(0, 'IPRIORITYR', this.#spi(n), random.word() & 0x78, 1);
      this.#route(0, this.#spi(n), random.below(this.#vcpus));
    }
    this.#write(0, 'GICD_CTLR', 0, 3);
    if (this.#its) this.#startIts(random);
  }

  /** With the extended range half of the SPIs are of that. */
  #spi(at: number): number {
    const n = at % SPIS;
    return this.#extended && n >= SPIS / 2 ? FIRST_EXTENDED_SPI + n : PRIVATE + n;
  }

  /** The numbers of registers with a bit for each SPI that is used. */
  #words(): readonly number[] {
    return this.#extended ? [1, FIRST_EXTENDED_SPI / 32] : [1];
  }

  #startIts(random: Random): void {
    this.#write(0, 'GITS_CTLR', 0, 1);
    for (let vcpu = 0; vcpu < this.#vcpus; vcpu++) this.#do({ ...command(0, 'MAPC', 0, vcpu, 0, vcpu), low: 1 });
    this.#do({ ...command(0, 'MAPD'), low: 1 });
    for (let n = 0; n < LPIS; n++) {
      this.#do({ ...step('configure', 0, '', n, (random.word() & 0x78) | 1), intid: FIRST_LPI + n });
      this.#mapLpi(n, random.below(this.#vcpus));
    }
  }

  #mapLpi(n: number, vcpu: number): void {
    this.#do(command(0, 'MAPTI', 0, n, FIRST_LPI + n, vcpu));
    this.#accounts.routes.set(FIRST_LPI + n, vcpu);
  }

  /** Open masks and enables of a CPU interface, with AckCtl and FIQEn for a GICv2. */
  #openInterface(vcpu: number): void {
    if (this.#version === 2) {
      this.#write(vcpu, 'GICC_PMR', 0, 0xff);
      this.#write(vcpu, 'GICC_CTLR', 0, this.split ? 0x20f : 0xf);
      return;
    }
    this.#write(vcpu, 'ICC_PMR_EL1', 0, 0xff);
    this.#write(vcpu, 'ICC_IGRPEN0_EL1', 0, 1);
    this.#write(vcpu, 'ICC_IGRPEN1_EL1', 0, 1);
  }

  #route(by: number, intid: number, vcpu: number): void {
    if (this.#version === 3) this.#write(by, 'IROUTER', intid, vcpu === NOWHERE ? 0xff : vcpu, 8);
    else this.#write(by, 'ITARGETSR', intid, vcpu === NOWHERE ? 0 : 1 << vcpu, 1);
    // a GICv2 with one vCPU has no target lists
    this.#accounts.routes.set(intid, this.#version === 2 && this.#vcpus === 1 ? 0 : vcpu);
  }

  /** How many were taken. */
  get taken(): number {
    return this.#accounts.taken;
  }

  #setLine(vcpu: number, intid: number, level: boolean): void {
    const key = this.#accounts.keyOf(vcpu, intid);
    if (level) this.#accounts.lines.add(key);
    else this.#accounts.lines.delete(key);
    this.#do(step('line', vcpu, '', intid, level ? 1 : 0));
  }

  #take(vcpu: number): boolean {
    if (this.#where[vcpu] === WAITING && (this.subject.signals(vcpu) & SIGNAL.WAKE) === 0) return false;
    if (this.#where[vcpu] !== INSIDE) {
      this.#where[vcpu] = INSIDE;
      this.#do(step('enter', vcpu));
    }
    const signals = this.subject.signals(vcpu);
    if (signals === 0) return false;
    const fiq = (signals & SIGNAL.FIQ) !== 0;
    const name = this.#version === 2 ? 'GICC_IAR' : fiq ? 'ICC_IAR0_EL1' : 'ICC_IAR1_EL1';
    const value = this.#read(vcpu, name);
    if (value >= 1020 && value < 1024) {
      this.#fail(`vCPU ${vcpu} was signalled an interrupt, and acknowledged ${value}`);
      return false;
    }
    const violation = this.#accounts.take(vcpu, value, fiq);
    if (violation !== undefined) this.#fail(violation);
    this.#stacks[vcpu].push(value);
    // the handler sees to it that the device lets go of its line
    if (this.#accounts.lines.has(this.#accounts.keyOf(vcpu, value))) this.#setLine(vcpu, value, false);
    return true;
  }

  #end(vcpu: number): boolean {
    const value = this.#stacks[vcpu].pop();
    if (value === undefined) return false;
    const group = groupOf(this.#accounts.intidOf(value));
    const name = this.#version === 2 ? 'GICC_EOIR' : group === 0 ? 'ICC_EOIR0_EL1' : 'ICC_EOIR1_EL1';
    if (value < FIRST_LPI) {
      if (this.split) this.#dropped.push({ vcpu, value });
      else this.#accounts.deactivate(vcpu, value);
    }
    this.#write(vcpu, name, 0, value);
    return true;
  }

  /** SPIs by any vCPU, what is private by its own. */
  #deactivate(by: number, at: number): boolean {
    if (this.#dropped.length === 0) return false;
    const [{ vcpu, value }] = this.#dropped.splice(at % this.#dropped.length, 1);
    const isPrivate = this.#accounts.intidOf(value) < PRIVATE;
    this.#accounts.deactivate(vcpu, value);
    this.#write(isPrivate ? vcpu : by, this.#version === 2 ? 'GICC_DIR' : 'ICC_DIR_EL1', 0, value);
    return true;
  }

  // ---- operations

  /** What the property says against an operation, or undefined. */
  perform({ op, vcpu: anyVcpu, at: anyAt, value: anyValue }: Operation): string | undefined {
    const vcpu = Number(anyVcpu ?? 0) % this.#vcpus;
    const at = Number(anyAt ?? 0);
    const value = Number(anyValue ?? 0);
    const spi = this.#spi(at);
    const lpi = at % LPIS;
    switch (op) {
      case 'edge': {
        const intid = spi & ~1;
        this.#accounts.owed.add(intid);
        this.#do(step('line', vcpu, '', intid, 1));
        if (value % 2 === 0) this.#do(step('line', vcpu, '', intid, 0));
        break;
      }
      case 'level':
        this.#setLine(vcpu, spi | 1, true);
        break;
      case 'timer':
        this.#setLine(vcpu, 26 + (at % 4), true);
        break;
      case 'timerFalls':
        if (this.#accounts.lines.has(this.#accounts.keyOf(vcpu, 26 + (at % 4))))
          this.#setLine(vcpu, 26 + (at % 4), false);
        break;
      case 'fall':
        if (this.#accounts.lines.has(spi | 1)) this.#setLine(vcpu, spi | 1, false);
        break;
      case 'sgi':
        this.#sendSgi(vcpu, value % this.#vcpus, at % SGIS);
        break;
      case 'msi':
        this.#sendMsi(vcpu, lpi, value % 4 === 0);
        break;
      case 'take':
        this.#take(vcpu);
        break;
      case 'end':
        this.#end(vcpu);
        break;
      case 'deactivate':
        this.#deactivate(vcpu, at);
        break;
      case 'enter':
        this.#where[vcpu] = INSIDE;
        this.#do(step('enter', vcpu));
        break;
      case 'exit':
        this.#where[vcpu] = OUTSIDE;
        this.#do(step('exit', vcpu));
        break;
      case 'wait':
        this.#where[vcpu] = WAITING;
        this.#do(step('wait', vcpu));
        break;
      case 'route':
        this.#route(vcpu, spi, value % 8 === 7 ? NOWHERE : value % this.#vcpus);
        break;
      case 'cancel':
        this.#accounts.owed.delete(spi);
        this.#write(vcpu, 'ICPENDR', spi >>> 5, 1 << (spi & 31));
        break;
      case 'moveLpi':
      case 'clear':
      case 'discard':
        this.#commandLpi(op, vcpu, lpi, value % this.#vcpus);
        break;
      case 'enable':
        this.#write(vcpu, 'ISENABLER', at % 2 === 0 ? 0 : spi >>> 5, 0xffffffff);
        break;
      case 'disable':
        this.#closed[vcpu] = 1;
        this.#write(vcpu, 'ICENABLER', at % 2 === 0 ? 0 : spi >>> 5, 1 << (value % 32));
        break;
      case 'mask':
        this.#closed[vcpu] = 1;
        this.#write(vcpu, this.#version === 2 ? 'GICC_PMR' : 'ICC_PMR_EL1', 0, value & 0xff);
        break;
      case 'unmask':
        this.#openInterface(vcpu);
        break;
      case 'group':
        this.#closed[vcpu] = 1;
        if (this.#version === 3) this.#write(vcpu, `ICC_IGRPEN${at % 2}_EL1`, 0, value % 2);
        else this.#write(vcpu, 'GICC_CTLR', 0, (this.split ? 0x20c : 0xc) | (value % 4));
        break;
      case 'distributor':
        this.#write(vcpu, 'GICD_CTLR', 0, value % 4);
        break;
      case 'priority':
        this.#write(vcpu, 'IPRIORITYR', spi, value & 0x78, 1);
        break;
      case 'lpis':
        if (!this.#its) break;
        this.#lpisOff[vcpu] = value % 2;
        this.#closed[vcpu] = 1;
        this.#write(vcpu, 'GICR_CTLR', 0, 1 - (value % 2));
        break;
      case 'move':
        this.#do(step('move', 0, '', 1 + (at % 16)));
        break;
    }
    return this.#violation;
  }

  #sendSgi(from: number, to: number, intid: number): void {
    this.#accounts.owed.add(this.#accounts.sgi(to, intid, from));
    if (this.#version === 2) this.#write(from, 'GICD_SGIR', 0, (1 << (16 + to)) | intid);
    else {
      const name = groupOf(intid) === 0 ? 'ICC_SGI0R_EL1' : 'ICC_SGI1R_EL1';
      this.#write(from, name, 0, (intid << 24) | (1 << to));
    }
  }

  #sendMsi(vcpu: number, n: number, byInt: boolean): void {
    if (!this.#its) return;
    // while its vCPU's LPIs are off an MSI is lost
    if (this.#lpisOff[this.#accounts.routes.get(FIRST_LPI + n) ?? 0] === 0) this.#accounts.owed.add(FIRST_LPI + n);
    this.#do(byInt ? command(vcpu, 'INT', 0, n) : step('msi', 0, '', n, 0));
  }

  /** Not while the LPI's state is in a table in memory. */
  #commandLpi(op: string, by: number, n: number, to: number): void {
    const intid = FIRST_LPI + n;
    if (!this.#its || this.#lpisOff[this.#accounts.routes.get(intid) ?? 0] !== 0 || this.#lpisOff[to] !== 0) return;
    if (op === 'moveLpi') {
      this.#accounts.routes.set(intid, to);
      this.#do(command(by, 'MOVI', 0, n, 0, to));
      return;
    }
    this.#accounts.owed.delete(intid);
    this.#do(command(by, op === 'clear' ? 'CLEAR' : 'DISCARD', 0, n));
    if (op === 'discard') this.#mapLpi(n, to);
  }

  // ---- the end

  /** Opens everything and serves until nothing comes; what the property says against that. */
  rest(): string | undefined {
    for (let vcpu = 0; vcpu < this.#vcpus; vcpu++) {
      while (this.#end(vcpu));
      if (this.#where[vcpu] === WAITING) continue;
      this.#openPrivate(vcpu);
    }
    while (this.#deactivate(0, 0));
    const by = Math.max(0, this.#where.indexOf(INSIDE));
    for (const word of this.#words()) this.#write(by, 'ISENABLER', word, 0xffffffff);
    this.#write(by, 'GICD_CTLR', 0, 3);
    for (let n = 0; n < SPIS; n++)
      if (this.#accounts.routes.get(this.#spi(n)) === NOWHERE) this.#route(by, this.#spi(n), 0);
    this.#serve();
    this.#lookForSleepers();
    // who waited, and had no reason to wake while its own masks were closed, is woken by somebody else
    for (let vcpu = 0; vcpu < this.#vcpus; vcpu++) this.#openPrivate(vcpu);
    this.#serve();
    return this.#violation ?? this.#leftOver();
  }

  /** Who still waits, and has closed nothing, is owed nothing. */
  #lookForSleepers(): void {
    for (const key of [...this.#accounts.owed, ...this.#accounts.lines]) {
      const vcpu = this.#accounts.targetOf(key);
      if (vcpu === NOWHERE || this.#where[vcpu] !== WAITING || this.#closed[vcpu] !== 0) continue;
      this.#fail(`vCPU ${vcpu} waits and is not woken for ${this.#accounts.nameOf(key)}`);
    }
  }

  #openPrivate(vcpu: number): void {
    this.#closed[vcpu] = 0;
    this.#openInterface(vcpu);
    this.#write(vcpu, 'ISENABLER', 0, 0xffffffff);
    if (this.#lpisOff[vcpu] === 0) return;
    this.#lpisOff[vcpu] = 0;
    this.#write(vcpu, 'GICR_CTLR', 0, 1);
  }

  #serve(): void {
    for (let round = 0; round < MOST_ROUNDS && this.#violation === undefined; round++) {
      let idle = true;
      for (let vcpu = 0; vcpu < this.#vcpus; vcpu++) {
        while (this.#violation === undefined && this.#take(vcpu)) {
          idle = false;
          this.#end(vcpu);
          this.#deactivate(vcpu, 0);
        }
      }
      if (idle) return;
    }
    this.#fail('interrupts come without an end');
  }

  #leftOver(): string | undefined {
    const [owed] = this.#accounts.owed;
    if (owed !== undefined) return `${this.#accounts.nameOf(owed)} was sent and is never taken`;
    const [line] = this.#accounts.lines;
    if (line !== undefined) return `${this.#accounts.nameOf(line)} has its line asserted and is never taken`;
    for (let vcpu = 0; vcpu < this.#vcpus; vcpu++) {
      for (const name of ['ISACTIVER', 'ISPENDR']) {
        for (const n of [0, ...this.#words()]) {
          const bits = this.#read(vcpu, name, n);
          if (bits !== 0) return `${name}${n} of vCPU ${vcpu} is 0x${bits.toString(16)} when all is done`;
        }
      }
      const running = this.#read(vcpu, this.#version === 2 ? 'GICC_RPR' : 'ICC_RPR_EL1');
      if (running !== 0xff) return `the running priority of vCPU ${vcpu} is 0x${running.toString(16)} when all is done`;
    }
    return undefined;
  }
}
