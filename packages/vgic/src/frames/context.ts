import type { StatePart, StateVisitor } from '../checkpoint.js';
import type { GicConfig } from '../config.js';
import type { CpuInterface } from '../cpu-interface/cpu-interface.js';
import type { GicEvents } from '../gic-events.js';
import type { Interrupts } from '../interrupts/interrupts.js';
import type { Its } from '../its/its.js';
import type { Lpis } from '../its/lpis.js';
import type { SavedInterface } from '../vcpus/saved-interface.js';
import type { Vcpus } from '../vcpus/vcpus.js';

/** State of the distributor and the redistributors that is not an interrupt's. */
export class DistributorState implements StatePart {
  /** GICD_IIDR.Revision, KVM's implementation revision: 2 or 3. */
  revision = 3;
  /** GICv2: userspace has written GICD_IIDR, so it knows that groups are writable. */
  groupsUserWritable = false;
  /** GICD_TYPER2.nASSGIcap may be 1: userspace has not taken it from the guest. */
  vsgisAllowed = true;
  /** GICD_CTLR.nASSGIreq: SGIs are to be vSGIs. */
  vsgis = false;
  /** GICD_STATUSR, and GICR_STATUSR of each vCPU. */
  status = 0;
  readonly redistributorStatus: Uint8Array;
  /** GICR_WAKER.ProcessorSleep and ChildrenAsleep of each vCPU. */
  readonly asleep: Uint8Array;

  constructor(vcpus: number) {
    this.asleep = new Uint8Array(vcpus).fill(1);
    this.redistributorStatus = new Uint8Array(vcpus);
  }

  visitState(state: StateVisitor): void {
    this.revision = state.number(this.revision);
    this.groupsUserWritable = state.flag(this.groupsUserWritable);
    this.vsgisAllowed = state.flag(this.vsgisAllowed);
    this.vsgis = state.flag(this.vsgis);
    this.status = state.number(this.status);
    state.array(this.redistributorStatus);
    state.array(this.asleep);
  }
}

/** What a register's handlers work on. */
export interface FrameContext {
  readonly config: Pick<GicConfig, 'features'>;
  readonly events: GicEvents;
  readonly irqs: Interrupts;
  readonly distributor: DistributorState;
  readonly lpis: Lpis;
  /** Where the vCPUs are: for some accesses none may be in the guest. */
  readonly vcpus: Vcpus;
  /** The ITSs, by number; none means that there are no LPIs. */
  readonly its: readonly Its[];
  /** Upper half of the value that the last read of 64 bits has returned; the frame that was read sets it. */
  high: number;
  /** The virtual CPU interface of the physical CPU that a vCPU is on. */
  cpuInterface(vcpu: number): CpuInterface;
  savedInterface(vcpu: number): SavedInterface;
  /** GICR_TYPER.Last: whether this vCPU's redistributor ends its region. */
  isLastRedistributor(vcpu: number): boolean;
}
