import type { Board } from './board.js';
import type { BusDevice } from './bus.js';
import type { Core, CoreHost } from './core/index.js';
import type { GenericTimers } from './timers.js';

/** What the guest's accesses reach. */
export interface Accessible {
  readonly core: Core;
  readonly board: Board;
  readonly timers: GenericTimers;
  /** Something may happen earlier than was known: at that virtual time. */
  reschedule(time: number): void;
}

/** What the core asks of the board in the middle of a run: accesses to devices, to the GIC's system registers, to timers. */
export class GuestAccesses implements CoreHost {
  #reached: Accessible | undefined;

  /** Before the core runs, which has to be there first. */
  connect(reached: Accessible): void {
    this.#reached = reached;
  }

  get #machine(): Accessible {
    if (this.#reached === undefined) throw new Error('This core has no board.');
    return this.#reached;
  }

  mmioRead(vcpu: number, address: number, size: 1 | 2 | 4 | 8): number {
    const { core, board } = this.#machine;
    const device = board.bus.at(address);
    if (!device) {
      core.raiseBusError();
      return 0;
    }
    const low = device.read(vcpu, address, size);
    core.high = size === 8 ? device.high : 0;
    this.#accessed(device);
    return low;
  }

  mmioWrite(vcpu: number, address: number, size: 1 | 2 | 4 | 8, low: number, high: number): void {
    const { core, board } = this.#machine;
    const device = board.bus.at(address);
    if (!device) {
      core.raiseBusError();
      return;
    }
    device.write(vcpu, address, size, low, high);
    if (device === board.gic) board.passthrough?.review();
    this.#accessed(device);
  }

  /** A device may have something to do by itself sooner than was known, and the GIC something to tell. */
  #accessed(device: BusDevice): void {
    const { board, reschedule } = this.#machine;
    if (device.deadline !== undefined) reschedule(device.deadline);
    board.entry.refresh();
  }

  systemRegisterRead(vcpu: number, encoding: number): number {
    const { core, board } = this.#machine;
    const low = board.gic.readSystemRegister(vcpu, encoding);
    if (low === -1) {
      core.raiseUndefined();
      return 0;
    }
    core.high = board.gic.high;
    board.entry.refresh();
    return low;
  }

  systemRegisterWrite(vcpu: number, encoding: number, low: number, high: number): void {
    const { core, board } = this.#machine;
    if (board.gic.writeSystemRegister(vcpu, encoding, low, high)) board.entry.refresh();
    else core.raiseUndefined();
  }

  timerChanged(vcpu: number): void {
    const { core, board, timers, reschedule } = this.#machine;
    timers.update(vcpu);
    reschedule(core.nextTimer(vcpu));
    board.entry.refresh();
  }
}
