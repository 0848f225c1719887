/*
 * A board around the GIC: two vCPUs that run in turn, a UART whose line is an SPI, and a timer for each vCPU, whose line is a
 * PPI. There is no RAM and no instruction set: the guest, below, is TypeScript that yields one instruction after the other.
 * What the board does between two of them is what any emulator does.
 *
 *     npm run example board
 *
 * prints what the interrupt handlers say, and when
 *
 *     114  vCPU 1: its timer has rung, 1 of 3
 *     132  vCPU 0: the UART has "h"
 *     138  vCPU 0: the UART has "i"
 *     144  vCPU 1: SGI 5 has come
 *     216  vCPU 1: its timer has rung, 2 of 3
 *     318  vCPU 1: its timer has rung, 3 of 3
 *     402  vCPU 0: the UART has "!"
 *     408  vCPU 1: SGI 5 has come
 */
import { Gic, SYSTEM_REGISTERS } from 'vgic';
import { encoding, GICD_V3_REGISTERS, GICR_REGISTERS, GICR_SIZE, offsetsOf } from 'vgic/architecture';

/** What executing one does: it may access the board, and what it answers is the value of the `yield`. */
export type Instruction = (board: Board, vcpu: number) => number;
export type Code = Generator<Instruction, void, number>;

interface Cpu {
  /** The program, and above it an interrupt handler while there is one. */
  readonly stack: Code[];
  /** What the last instruction answered. */
  result: number;
  waiting: boolean;
  readonly timer: { control: number; compare: number };
}

/** What drives an interrupt line, and the level that the GIC was told. */
interface Line {
  readonly intid: number;
  readonly vcpu: number;
  readonly output: () => boolean;
  level: boolean;
}

const UART_DATA = 0x0900_0000;
const UART_INTID = 33;
const TIMER_INTID = 27;
const CNTV_CTL_EL0 = encoding(3, 3, 14, 3, 1);
const CNTV_CVAL_EL0 = encoding(3, 3, 14, 3, 2);
/** Instructions that a vCPU executes before it is another one's turn. */
const TURN = 20;

export class Board {
  /** One instruction, one tick. */
  now = 0;
  readonly #gic: Gic;
  readonly #cpus: Cpu[];
  readonly #lines: Line[];
  readonly #received: string[] = [];
  #running = -1;
  /** The list registers of the vCPU that runs may not be what the GIC would put there now. */
  #stale = false;

  constructor(
    programs: Code[],
    readonly handler: () => Code,
    readonly typed: { at: number; text: string }[],
  ) {
    this.#cpus = programs.map((code) => ({
      stack: [code],
      result: 0,
      waiting: false,
      timer: { control: 0, compare: 0 },
    }));
    this.#lines = [
      { intid: UART_INTID, vcpu: 0, output: () => this.#received.length > 0, level: false },
      ...this.#cpus.map(({ timer }, vcpu) => ({
        intid: TIMER_INTID,
        vcpu,
        output: () => timer.control === 1 && this.now >= timer.compare,
        level: false,
      })),
    ];
    this.#gic = new Gic({ version: 3, vcpus: programs.length });
    this.#gic.events.on('kick', (vcpu) => {
      if (vcpu === this.#running) this.#stale = true;
    });
  }

  // ---- the run loop

  /** Comes back when every vCPU waits and nothing will ever happen. */
  run(): void {
    for (;;) {
      let idle = true;
      for (let vcpu = 0; vcpu < this.#cpus.length; vcpu++) {
        // a vCPU in WFI goes on when something is pending for it
        if (this.#cpus[vcpu].waiting && !this.#gic.hasPending(vcpu)) continue;
        this.#turn(vcpu);
        idle = false;
      }
      if (!idle) continue;
      const next = this.#nextEvent();
      if (next === Number.POSITIVE_INFINITY) return;
      this.now = next;
      this.#advance();
    }
  }

  #turn(vcpu: number): void {
    const cpu = this.#cpus[vcpu];
    cpu.waiting = false;
    this.#running = vcpu;
    this.#stale = false;
    this.#gic.enter(vcpu);
    for (let n = 0; n < TURN && !cpu.waiting; n++) {
      // out of the guest and in again, where that may change what it is to see
      if (this.#stale || this.#gic.maintenanceAsserted(vcpu)) {
        this.#stale = false;
        this.#gic.enter(vcpu);
      }
      const masked = cpu.stack.length > 1; // PSTATE.I is set in the handler
      if (!masked && this.#gic.irqAsserted(vcpu)) cpu.stack.push(this.handler());
      const { done, value: instruction } = cpu.stack[cpu.stack.length - 1].next(cpu.result);
      if (done) cpu.stack.pop();
      else cpu.result = instruction(this, vcpu);
      this.now++;
      this.#advance();
    }
    if (cpu.waiting) this.#gic.wait(vcpu);
    else this.#gic.exit(vcpu);
    this.#running = -1;
  }

  // ---- devices

  /** What was typed arrives, and the GIC is told of each line that has changed, whoever has changed it. */
  #advance(): void {
    while (this.typed.length > 0 && this.typed[0].at <= this.now) this.#received.push(...this.typed.shift()!.text);
    for (const line of this.#lines) {
      const level = line.output();
      if (level === line.level) continue;
      line.level = level;
      this.#gic.setLine(line.intid, level, line.vcpu);
      this.#stale = true;
    }
  }

  #nextEvent(): number {
    const timers = this.#cpus.map(({ timer }) => timer).filter(({ control }) => control === 1);
    const times = [...this.typed.map(({ at }) => at), ...timers.map(({ compare }) => compare)];
    return Math.min(...times.filter((time) => time > this.now));
  }

  // ---- what instructions do

  load(vcpu: number, address: number): number {
    if (this.#gic.contains(address, 4)) return this.#gic.read(vcpu, address, 4);
    return address === UART_DATA ? (this.#received.shift()?.charCodeAt(0) ?? 0) : 0;
  }

  store(vcpu: number, address: number, value: number): void {
    this.#gic.write(vcpu, address, 4, value, 0); // where nothing is, it is ignored
  }

  /** MRS. A register is known by bits 20:5 of the instruction: (instruction >>> 5) & 0xffff. */
  readSystemRegister(vcpu: number, register: number): number {
    const value = this.#gic.readSystemRegister(vcpu, register);
    if (value === -1) throw new Error('UNDEFINED: an emulator takes that exception.');
    return value;
  }

  /** MSR. */
  writeSystemRegister(vcpu: number, register: number, value: number): void {
    const { timer } = this.#cpus[vcpu];
    if (register === CNTV_CTL_EL0) timer.control = value;
    else if (register === CNTV_CVAL_EL0) timer.compare = value;
    else if (!this.#gic.writeSystemRegister(vcpu, register, value, 0)) throw new Error('UNDEFINED, likewise.');
  }

  waitForInterrupt(vcpu: number): void {
    this.#cpus[vcpu].waiting = true;
  }
}

// ---- the guest

const GICD = 0x0800_0000;
const GICR = 0x080a_0000;
const { GICD_CTLR, GICD_IGROUPR, GICD_ISENABLER, GICD_ICFGR } = offsetsOf(GICD_V3_REGISTERS);
const { GICR_IGROUPR0, GICR_ISENABLER0 } = offsetsOf(GICR_REGISTERS);
const { ICC_PMR_EL1, ICC_IGRPEN1_EL1, ICC_IAR1_EL1, ICC_EOIR1_EL1, ICC_SGI1R_EL1 } = SYSTEM_REGISTERS;
const DOORBELL_SGI = 5;
const PERIOD = 100;
const TICKS = 3;

const load =
  (address: number): Instruction =>
  (board, vcpu) =>
    board.load(vcpu, address);
const mrs =
  (register: number): Instruction =>
  (board, vcpu) =>
    board.readSystemRegister(vcpu, register);
const act =
  (action: (board: Board, vcpu: number) => void): Instruction =>
  (board, vcpu) => {
    action(board, vcpu);
    return 0;
  };
const store = (address: number, value: number) => act((board, vcpu) => board.store(vcpu, address, value));
const msr = (register: number, value: number) => act((board, vcpu) => board.writeSystemRegister(vcpu, register, value));
const wfi = act((board, vcpu) => board.waitForInterrupt(vcpu));
const now: Instruction = (board) => board.now;
const say = (text: string) => act(({ now }, vcpu) => console.log(`${now}  vCPU ${vcpu}: ${text}`));

function* enableCpuInterface(vcpu: number): Code {
  yield store(GICR + vcpu * GICR_SIZE + GICR_IGROUPR0, 0xffff_ffff);
  yield store(GICR + vcpu * GICR_SIZE + GICR_ISENABLER0, (1 << TIMER_INTID) | (1 << DOORBELL_SGI));
  yield msr(ICC_PMR_EL1, 0xff);
  yield msr(ICC_IGRPEN1_EL1, 1);
}

function* boot(): Code {
  yield store(GICD + GICD_CTLR, 2); // EnableGrp1
  yield store(GICD + GICD_IGROUPR + 4, 1 << 1); // SPI 33: group 1,
  yield store(GICD + GICD_ICFGR + 8, 0); // level-sensitive,
  yield store(GICD + GICD_ISENABLER + 4, 1 << 1); // enabled
  yield* enableCpuInterface(0);
  for (;;) yield wfi;
}

let ticks = 0;

function* second(): Code {
  yield* enableCpuInterface(1);
  yield msr(CNTV_CVAL_EL0, (yield now) + PERIOD);
  yield msr(CNTV_CTL_EL0, 1);
  for (;;) yield wfi;
}

function* handler(): Code {
  const intid = yield mrs(ICC_IAR1_EL1);
  if (intid === UART_INTID) {
    const byte = yield load(UART_DATA); // the line falls with the last byte
    yield say(`the UART has ${JSON.stringify(String.fromCharCode(byte))}`);
    yield msr(ICC_SGI1R_EL1, (DOORBELL_SGI << 24) | (1 << 1)); // to the vCPU with Aff0 = 1
  } else if (intid === TIMER_INTID) {
    yield say(`its timer has rung, ${++ticks} of ${TICKS}`);
    // a later time or a timer that is off: either makes its line fall
    if (ticks < TICKS) yield msr(CNTV_CVAL_EL0, (yield now) + PERIOD);
    else yield msr(CNTV_CTL_EL0, 0);
  } else yield say(intid === DOORBELL_SGI ? 'SGI 5 has come' : `INTID ${intid}, which nobody has sent`);
  yield msr(ICC_EOIR1_EL1, intid);
}

new Board([boot(), second()], handler, [
  { at: 130, text: 'hi' },
  { at: 400, text: '!' },
]).run();
