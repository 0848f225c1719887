import { HCR_EN, HCR_TALL0, HCR_TALL1, HCR_TC } from '../architecture/virtual-interface.js';
import type { StatePart, StateVisitor } from '../checkpoint.js';
import type { CpuInterface } from '../cpu-interface/cpu-interface.js';

/**
 * The hypervisor's copy of a vCPU's virtual CPU interface, which holds while the vCPU is not loaded on a physical CPU.
 * Userspace register access works on this copy.
 */
export class SavedInterface implements StatePart {
  vmcr = 0;
  /** What ICH_HCR_EL2 is given at entry. */
  hcr = HCR_EN;
  /** The list registers that the last entry filled with something pending, a bit each. */
  pendingAtEntry = 0;
  readonly ap0r = new Uint32Array(4);
  readonly ap1r = new Uint32Array(4);
  /** ICC_CTLR_EL1.PRIbits + 1 and IDbits as userspace has lowered them, never above the host's. */
  priorityBits: number;
  idBits: number;

  constructor(
    readonly cpu: CpuInterface,
    /** The guest's GIC version. */
    readonly guestVersion: 2 | 3,
  ) {
    this.priorityBits = cpu.config.priorityBits;
    this.idBits = cpu.config.idBits;
    // a GICv2 guest's accesses to the system registers shall trap
    if (guestVersion === 2) this.hcr |= HCR_TALL0 | HCR_TALL1 | HCR_TC;
  }

  visitState(state: StateVisitor): void {
    this.vmcr = state.number(this.vmcr);
    this.hcr = state.number(this.hcr);
    if (!state.visible) this.pendingAtEntry = state.number(this.pendingAtEntry);
    state.array(this.ap0r);
    state.array(this.ap1r);
    this.priorityBits = state.number(this.priorityBits);
    this.idBits = state.number(this.idBits);
    this.cpu.visitState(state);
  }

  /** The active priority registers that userspace can reach: word 0, with 6 bits of priority 0 and 1, with 7 all. */
  get lastActivePriorityWord(): number {
    return this.priorityBits === 7 ? 3 : this.priorityBits === 6 ? 1 : 0;
  }

  /** The vCPU is scheduled on its physical CPU. */
  load(): void {
    this.loadRegisters();
    if (this.#legacyGuest) this.cpu.setHcr(this.hcr);
  }

  /** What the guest has written comes to the physical CPU. */
  loadRegisters(): void {
    const { cpu } = this;
    // with sign: V8 would allocate to pass a number above 2^31
    cpu.setVmcr(this.vmcr | 0);
    for (let n = 0; n < cpu.activePriorityWords; n++) {
      if (cpu.config.version === 3) cpu.ap0r[n] = this.ap0r[n];
      cpu.ap1r[n] = this.ap1r[n];
    }
  }

  /** The vCPU leaves its physical CPU. */
  put(): void {
    const { cpu } = this;
    this.vmcr = cpu.vmcr;
    for (let n = 0; n < cpu.activePriorityWords; n++) {
      if (cpu.config.version === 3) this.ap0r[n] = cpu.ap0r[n];
      this.ap1r[n] = cpu.ap1r[n];
    }
    if (this.#legacyGuest) cpu.setHcr(0);
  }

  /** A GICv2 guest on the system-register interface of a GICv3 host (ICC_SRE_EL1.SRE = 0 while it runs). */
  get #legacyGuest(): boolean {
    return this.guestVersion === 2 && this.cpu.config.version === 3;
  }
}
