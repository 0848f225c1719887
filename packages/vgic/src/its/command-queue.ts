import { COMMAND_OFFSET_MASK, COMMAND_SIZE } from '../architecture/its.js';
import type { StatePart, StateVisitor } from '../checkpoint.js';
import type { Ram } from '../memory/ram.js';
import { Command } from './commands.js';
import { addressOf } from './lpis.js';

const CBASER_ADDRESS_LOW = 0xfffff000;

/** The command queue of an ITS, the guest's or the host's: a ring in memory. Source: IHI 0069, 5.3.1 "ITS command interface". */
export class CommandQueue implements StatePart {
  /** GITS_CBASER in halves; GITS_CREADR and GITS_CWRITER. */
  cbaserLow = 0;
  cbaserHigh = 0;
  creadr = 0;
  cwriter = 0;
  readonly #command = new Command();
  #running = false;

  constructor(
    readonly memory: Ram,
    /** Carries a command out; one that is in error changes nothing. */
    readonly execute: (command: Command) => void,
  ) {}

  visitState(state: StateVisitor): void {
    this.cbaserLow = state.number(this.cbaserLow);
    this.cbaserHigh = state.number(this.cbaserHigh);
    this.creadr = state.number(this.creadr);
    this.cwriter = state.number(this.cwriter);
  }

  /** Bytes of the queue. */
  get size(): number {
    return ((this.cbaserLow & 0xff) + 1) << 12;
  }

  /** False, and ignored, for an offset beyond the queue. */
  setCwriter(value: number): boolean {
    const offset = value & COMMAND_OFFSET_MASK;
    if (offset >= this.size) return false;
    this.cwriter = offset;
    return true;
  }

  /** Nothing is to be done any more. */
  empty(): void {
    this.creadr = 0;
    this.cwriter = 0;
  }

  /** As after creation. */
  reset(): void {
    this.cbaserLow = 0;
    this.cbaserHigh = 0;
    this.empty();
  }

  /** Carries out what is there; commands outside RAM are skipped. A handler of a doorbell may write GITS_CWRITER in between. */
  run(): void {
    if (this.#running) return;
    this.#running = true;
    const command = this.#command;
    while (this.cwriter !== this.creadr) {
      const address = addressOf(this.cbaserLow & CBASER_ADDRESS_LOW, this.cbaserHigh) + this.creadr;
      this.creadr += COMMAND_SIZE;
      if (this.creadr >= this.size) this.creadr = 0;
      if (!this.memory.has(address, COMMAND_SIZE)) continue;
      for (let word = 0; word < 8; word++) command.words[word] = this.memory.load32(address + 4 * word);
      this.execute(command);
    }
    this.#running = false;
  }
}
