import * as architecture from '../architecture/virtual-interface.js';
import { checkWhole } from '../arguments.js';
import type { StatePart, StateVisitor } from '../checkpoint.js';
import { signalledGroup } from '../cpu-interface/acknowledge.js';
import type { CpuInterface } from '../cpu-interface/cpu-interface.js';
import { signalledListRegister } from '../cpu-interface/gicv.js';
import type { Forwarding } from '../forwarding/forwarding.js';
import type { ActivePendingLists } from '../interrupts/active-pending-lists.js';
import type { Interrupts, ListRegisterOwners } from '../interrupts/interrupts.js';
import { deviates } from '../kvm-deviations.js';
import { fillListRegisters, hasSignalled } from './delivery.js';
import { fillListRegisters as fillListRegistersAsKvm612 } from './kvm-6.12-delivery.js';
import { endActive, foldListRegisters } from './list-registers.js';
import { SavedInterface } from './saved-interface.js';

// V8 folds a module's own constants, not imported ones; the guest's hot path is here
const HCR_EN = architecture.HCR_EN;
const LR_GROUP = architecture.LR_GROUP;
const VMCR_FIQEN = architecture.VMCR_FIQEN;
const VMCR_PMR_SHIFT = architecture.VMCR_PMR_SHIFT;

/**
 * Where a vCPU is:
 *
 * | state | |
 * | --- | --- |
 * | OUT | off its physical CPU |
 * | WAITING | off its physical CPU, in WFI: with a GICv4 its doorbell is asked for |
 * | LOADED | on its physical CPU, which has its interface, and its vPE is resident; the list registers are empty |
 * | IN_GUEST | executes there: the list registers hold what it is to take |
 * | LEAVING | LOADED to all others; its list registers are being folded, and nothing moves it until that is over |
 */
const OUT = 0;
const WAITING = 1;
const LOADED = 2;
const IN_GUEST = 3;
const LEAVING = 4;

/** What is known of a vCPU's kicks that nobody has been told of. */
const TRAPPED = 1 << 0;
const KICKED = 1 << 1;

/** One vCPU. An object, not rows of arrays: a world switch looks at all of it. */
class Vcpu {
  state: number = OUT;
  /** Kicks since the last entry. */
  kicks = 0;
  /** TRAPPED and KICKED. */
  untold = 0;

  constructor(readonly saved: SavedInterface) {}
}

/** What the vCPUs are part of: a GIC. */
export interface VcpusContext {
  readonly irqs: Interrupts;
  readonly forwarding: Forwarding | undefined;
}

/**
 * The vCPUs of a GIC, and where each of them is. All who want to know ask here, and all changes go by the verbs:
 *
 * | | OUT | WAITING | LOADED | IN_GUEST |
 * | --- | --- | --- | --- | --- |
 * | {@link load} | LOADED | LOADED | | |
 * | {@link enter} | IN_GUEST | IN_GUEST | IN_GUEST | out and in again |
 * | {@link leave} | | | | LOADED |
 * | {@link put} | | | OUT | OUT |
 * | {@link wait} | WAITING | WAITING | WAITING | WAITING |
 * | {@link trap} | | | | LOADED, until {@link resume} |
 * | {@link resume} | | | IN_GUEST | out and in again |
 *
 * Nobody is told of a kick while a vCPU changes its state, so that a listener may use every verb. A kick of a vCPU that is
 * about to enter anyway is told to nobody: that entry delivers what it is about.
 *
 * Methods are private by TypeScript, not by `#`, which adds to what V8 counts before it inlines a call.
 */
export class Vcpus implements StatePart, ListRegisterOwners {
  /** The hypervisor's copy of each vCPU's virtual CPU interface. */
  readonly interfaces: readonly SavedInterface[];
  readonly #context: VcpusContext;
  readonly #irqs: Interrupts;
  readonly #lists: ActivePendingLists;
  readonly #vcpus: Vcpu[];
  #anyUntold = false;
  /** Changes of state under way: kicks are kept until they are over. */
  #changes = 0;
  /** Changes of interrupts under way, and the vCPUs that are out of the guest for them. */
  #interruptChanges = 0;
  readonly #takenBack: Uint8Array;
  #anyTakenBack = false;
  /** The deviation `activeFirst`. */
  readonly #fillsAsKvm612: boolean;
  readonly #wakesForDisabledGroups: boolean;

  constructor(context: VcpusContext, hardware: readonly CpuInterface[]) {
    const { version, vcpus } = context.irqs;
    this.#context = context;
    this.#irqs = context.irqs;
    this.#lists = context.irqs.lists;
    this.#takenBack = new Uint8Array(vcpus);
    const { kvm } = context.irqs;
    this.#fillsAsKvm612 = deviates(kvm, 'activeFirst');
    this.#wakesForDisabledGroups = deviates(kvm, 'wakesForDisabledGroups');
    for (const [vcpu, cpu] of hardware.entries()) {
      cpu.events = context.irqs.events;
      cpu.vcpu = vcpu;
      cpu.endsByPriority = deviates(kvm, 'endOfOtherPriority');
      cpu.showsSeis = deviates(kvm, 'seisShown');
      if (!deviates(kvm, 'endsOutsideForgotten')) cpu.unlistedEnd = (intid) => this.endUnlisted(vcpu, intid);
    }
    this.interfaces = hardware.map((cpu) => new SavedInterface(cpu, version));
    this.#vcpus = this.interfaces.map((saved) => new Vcpu(saved));
    context.irqs.kick = this.kickFunction();
    context.irqs.listRegisterOwners = this;
  }

  /** Between two calls of the GIC's: no change is under way. */
  visitState(state: StateVisitor): void {
    for (const v of this.#vcpus) {
      v.state = state.number(v.state);
      if (!state.visible) {
        v.kicks = state.number(v.kicks);
        v.untold = state.number(v.untold);
      }
      v.saved.visitState(state);
    }
    if (!state.visible) this.#anyUntold = state.flag(this.#anyUntold);
  }

  /** @throws GicError EINVAL where there is no such vCPU. */
  interfaceOf(vcpu: number): SavedInterface {
    return this.at(vcpu).saved;
  }

  // ---- where a vCPU is

  /** @throws GicError EINVAL where there is no such vCPU. */
  private at(vcpu: number): Vcpu {
    const v = this.#vcpus[vcpu];
    if (v === undefined || typeof vcpu !== 'number') this.refuse(vcpu);
    return v;
  }

  private refuse(vcpu: number): void {
    checkWhole('vcpu', vcpu, 0, this.#vcpus.length - 1);
  }

  isInGuest(vcpu: number): boolean {
    return this.at(vcpu).state === IN_GUEST;
  }

  /** The CPU interface that serves a vCPU in the guest; undefined for one that is not. */
  interfaceInGuest(vcpu: number): CpuInterface | undefined {
    const v = this.at(vcpu);
    return v.state === IN_GUEST ? v.saved.cpu : undefined;
  }

  /** On its physical CPU, in the guest or not. */
  isLoaded(vcpu: number): boolean {
    return this.at(vcpu).state >= LOADED;
  }

  /** Off its physical CPU, until something is pending for it. */
  isWaiting(vcpu: number): boolean {
    return this.at(vcpu).state === WAITING;
  }

  // ---- scheduling

  /** The vCPU gets its physical CPU: its saved interface is put there. */
  load(vcpu: number): void {
    const v = this.at(vcpu);
    if (v.state < LOADED) this.putOnCpu(v, vcpu);
  }

  private putOnCpu(v: Vcpu, vcpu: number): void {
    v.saved.load();
    v.state = LOADED;
    const { forwarding } = this.#context;
    if (forwarding === undefined) return;
    this.#changes++;
    forwarding.prepareFirstRun();
    // its vPE may have something to signal from now on
    v.saved.cpu.setHcr(v.saved.hcr);
    forwarding.load(vcpu);
    this.changed();
  }

  /** The vCPU gives its physical CPU back. */
  put(vcpu: number): void {
    this.takeOffCpu(vcpu, OUT);
  }

  /**
   * The vCPU executes WFI: it gives its physical CPU back, and {@link hasPending} says when it is to go on. After a restore,
   * of a vCPU that was saved so.
   */
  wait(vcpu: number): void {
    const v = this.at(vcpu);
    if (v.state >= LOADED) {
      this.takeOffCpu(vcpu, WAITING);
      return;
    }
    v.state = WAITING;
    this.#context.forwarding?.askForDoorbell(vcpu);
  }

  private takeOffCpu(vcpu: number, to: typeof OUT | typeof WAITING): void {
    const v = this.at(vcpu);
    if (v.state < LOADED || v.state === LEAVING) return;
    const { saved } = v;
    const { forwarding } = this.#context;
    this.#changes++;
    if (v.state === IN_GUEST) this.fold(v, vcpu);
    if (forwarding !== undefined) {
      forwarding.put(vcpu, to === WAITING);
      saved.cpu.setHcr(0);
    }
    saved.put();
    v.state = to;
    // no entry follows that would make up for a kick
    v.untold &= ~TRAPPED;
    if (v.untold !== 0) this.#anyUntold = true;
    this.changed();
  }

  /** The interface of a vCPU that waits is on its CPU for a moment, as when the scheduler looks whether it can go on. */
  loadAndPutBack(vcpu: number): void {
    const { state, saved } = this.at(vcpu);
    if (state >= LOADED) return;
    saved.load();
    if (this.#context.forwarding !== undefined) saved.cpu.setHcr(0);
    saved.put();
  }

  // ---- guest entry and exit

  /** The vCPU enters the guest, from wherever it is; one that is in it leaves it first. Its kicks are counted anew. */
  enter(vcpu: number): void {
    const v = this.at(vcpu);
    if (v.state !== LOADED) {
      this.enterFromElsewhere(v, vcpu);
      return;
    }
    v.kicks = 0;
    // with nothing to deliver an entry is done here: idle vCPUs enter often
    if (this.#lists.isEmpty(vcpu) && this.#context.forwarding === undefined) {
      v.state = IN_GUEST;
      v.untold = 0;
      return;
    }
    this.fill(v, vcpu);
  }

  private enterFromElsewhere(v: Vcpu, vcpu: number): void {
    const { state } = v;
    if (state === LEAVING) return;
    this.#changes++;
    if (state === IN_GUEST) this.fold(v, vcpu);
    else this.putOnCpu(v, vcpu);
    v.kicks = 0;
    this.fill(v, vcpu);
    this.changed();
  }

  /** The vCPU leaves the guest, but stays on its physical CPU. */
  leave(vcpu: number): void {
    const v = this.at(vcpu);
    if (v.state !== IN_GUEST) return;
    if (this.#lists.isEmpty(vcpu)) {
      v.state = LOADED;
      return;
    }
    this.#changes++;
    this.fold(v, vcpu);
    this.changed();
  }

  /**
   * A vCPU's access traps: it leaves the guest, and {@link resume} is to follow. Kicks of it until then need no entry of
   * their own. Says whether it was in the guest.
   */
  trap(vcpu: number): boolean {
    const v = this.at(vcpu);
    if (v.state !== IN_GUEST) return false;
    v.untold |= TRAPPED;
    this.leave(vcpu);
    return true;
  }

  /**
   * A loaded vCPU enters the guest again, without forgetting its kicks; one that a listener has made enter meanwhile leaves
   * it first, and one that a listener has taken off its CPU stays off.
   */
  resume(vcpu: number): void {
    const v = this.at(vcpu);
    if (v.state === LOADED) {
      this.fill(v, vcpu);
      return;
    }
    if (v.state !== IN_GUEST) return;
    this.#changes++;
    this.fold(v, vcpu);
    this.fill(v, vcpu);
    this.changed();
  }

  /** LOADED to IN_GUEST. Whatever the vCPU was kicked for is in its list registers then, or waits for room in them. */
  private fill(v: Vcpu, vcpu: number): void {
    const { forwarding } = this.#context;
    v.state = IN_GUEST;
    if (forwarding !== undefined) {
      this.fillBesideVpe(v, vcpu, forwarding);
      return;
    }
    if (!this.#lists.isEmpty(vcpu)) this.fillListRegisters(v, vcpu);
    v.untold = 0;
  }

  private fillListRegisters({ saved }: Vcpu, vcpu: number): void {
    if (this.#fillsAsKvm612) fillListRegistersAsKvm612(this.#irqs, saved, vcpu);
    else fillListRegisters(this.#irqs, saved, vcpu);
  }

  private fillBesideVpe(v: Vcpu, vcpu: number, forwarding: Forwarding): void {
    this.#changes++;
    forwarding.prepareEntry(vcpu);
    if (!this.#lists.isEmpty(vcpu)) this.fillListRegisters(v, vcpu);
    v.untold = 0;
    // a vPE may have something to signal when the list registers have nothing
    v.saved.cpu.setHcr(v.saved.hcr);
    forwarding.commit(vcpu);
    this.changed();
  }

  /** IN_GUEST to LOADED. */
  private fold(v: Vcpu, vcpu: number): void {
    const irqs = this.#irqs;
    if (irqs.events.looking) this.tellMaintenance(v, vcpu);
    v.state = LEAVING;
    if (this.#context.forwarding !== undefined) this.disableBesideVpe(v, vcpu);
    foldListRegisters(irqs, v.saved, vcpu);
    v.state = LOADED;
  }

  private disableBesideVpe({ saved }: Vcpu, vcpu: number): void {
    if (saved.cpu.used === 0 && !this.#lists.isEmpty(vcpu)) saved.cpu.setHcr(saved.hcr & ~HCR_EN);
  }

  private tellMaintenance({ saved }: Vcpu, vcpu: number): void {
    const tell = this.#irqs.events.maintenance;
    if (tell !== undefined && this.maintenanceAsserted(vcpu)) tell(vcpu, saved.cpu.maintenanceStatus());
  }

  // ---- changes of interrupts, which may be in list registers

  /** Until the outermost {@link endChange} nobody is told of a kick. */
  beginChange(): void {
    this.#changes++;
    this.#interruptChanges++;
  }

  /** Within a change: a vCPU in the guest is out of it until the change ends, and then looks at its interrupts again. */
  takeBack(vcpu: number): void {
    if (this.at(vcpu).state !== IN_GUEST) return;
    this.leave(vcpu);
    this.#takenBack[vcpu] = 1;
    this.#anyTakenBack = true;
  }

  endChange(): void {
    if (--this.#interruptChanges === 0 && this.#anyTakenBack) {
      this.#anyTakenBack = false;
      for (let vcpu = 0; vcpu < this.#vcpus.length; vcpu++) {
        if (!this.#takenBack[vcpu]) continue;
        this.#takenBack[vcpu] = 0;
        this.resume(vcpu);
        // its inputs may be others than before
        if (!this.#context.irqs.changesWaitForExit) this.#context.irqs.kick(vcpu);
      }
    }
    this.changed();
  }

  /** Takes every vCPU out of the guest, so that no state is in list registers; {@link resumeGuests} puts them back. */
  stopGuests(): void {
    this.beginChange();
    for (let vcpu = 0; vcpu < this.#vcpus.length; vcpu++) this.takeBack(vcpu);
  }

  resumeGuests(): void {
    this.endChange();
  }

  /**
   * An interrupt is deactivated of which the vCPU has no list register: by a write of an end of interrupt (EOImode 0) or of a
   * deactivation (EOImode 1). An SPI may be active on any vCPU.
   */
  private endUnlisted(vcpu: number, intid: number): void {
    const { irqs } = this.#context;
    const i = irqs.indexOf(vcpu, intid);
    if (i < 0 || i >= irqs.lpiBase) return;
    irqs.beginChangeOf(i);
    endActive(irqs, i);
    irqs.loweredOne(i);
  }

  // ---- kicks

  /** Kicks since the vCPU's last entry. */
  kicks(vcpu: number): number {
    return this.at(vcpu).kicks;
  }

  /** A closure over what it needs, since V8 makes that fastest: each interrupt that is injected comes here. */
  private kickFunction(): (vcpu: number) => void {
    const all = this.#vcpus;
    const { events } = this.#context.irqs;
    return (vcpu) => {
      const v = all[vcpu];
      v.kicks++;
      if ((v.untold | this.#changes) === 0) events.kick?.(vcpu);
      else this.keepKick(v);
    };
  }

  private keepKick(v: Vcpu): void {
    // the entry that follows a trap answers its kicks; should none follow, `takeOffCpu` tells them
    if (!(v.untold & TRAPPED)) this.#anyUntold = true;
    v.untold |= KICKED;
  }

  /** A change of state is over: after the outermost one listeners hear of the kicks meanwhile. */
  private changed(): void {
    if (--this.#changes === 0 && this.#anyUntold) this.tellKicks();
  }

  private tellKicks(): void {
    this.#anyUntold = false;
    for (let vcpu = 0; vcpu < this.#vcpus.length; vcpu++) {
      const v = this.#vcpus[vcpu];
      if (v.untold !== KICKED) continue;
      v.untold = 0;
      this.#context.irqs.events.kick?.(vcpu);
    }
  }

  /** Kicks the vCPUs that have something deliverable. */
  kickDeliverable(): void {
    for (let vcpu = 0; vcpu < this.#vcpus.length; vcpu++) if (this.hasPending(vcpu)) this.#context.irqs.kick(vcpu);
  }

  /** Whether a vCPU outside the guest has an interrupt that ends its WFI. */
  hasPending(vcpu: number): boolean {
    const { irqs, forwarding } = this.#context;
    if (forwarding?.pendingLast[vcpu] && irqs.distributorEnabled) return true;
    const { saved, state } = this.at(vcpu);
    if (this.#lists.isEmpty(vcpu)) return false;
    if (this.#wakesForDisabledGroups) return irqs.hasDeliverable(vcpu, saved.vmcr >>> VMCR_PMR_SHIFT);
    if (state < LOADED) saved.loadRegisters();
    return hasSignalled(irqs, saved, vcpu);
  }

  // ---- the signals of a vCPU in the guest

  /** The virtual IRQ input of its core. */
  irqAsserted(vcpu: number): boolean {
    const group = this.signalledGroup(vcpu);
    return group === 1 || (group === 0 && !(this.interfaces[vcpu].cpu.vmcr & VMCR_FIQEN));
  }

  /** The virtual FIQ input of its core: group 0, with GICv2 only if GICV_CTLR.FIQEn says so. */
  fiqAsserted(vcpu: number): boolean {
    return this.signalledGroup(vcpu) === 0 && (this.interfaces[vcpu].cpu.vmcr & VMCR_FIQEN) !== 0;
  }

  /** A maintenance interrupt: the list registers ask for an exit and an entry. */
  maintenanceAsserted(vcpu: number): boolean {
    const { cpu } = this.at(vcpu).saved;
    return this.isInGuest(vcpu) && (cpu.hcr & HCR_EN) !== 0 && cpu.maintenanceStatus() !== 0;
  }

  /** The group of the interrupt signalled to a vCPU in the guest: 0, 1, or -1 for none. */
  private signalledGroup(vcpu: number): number {
    const { cpu } = this.at(vcpu).saved;
    if (!this.isInGuest(vcpu) || (cpu.used === 0 && cpu.vpe === undefined) || !(cpu.hcr & HCR_EN)) return -1;
    if (this.#context.irqs.version === 3) return signalledGroup(cpu);
    const n = signalledListRegister(cpu);
    return n < 0 ? -1 : cpu.lrHigh[n] & LR_GROUP ? 1 : 0;
  }
}
