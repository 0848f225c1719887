/**
 * Who has the pending state of interrupts that are injected directly (GICv4): LPIs that are forwarded to the host's GIC, and
 * with GICv4.1 SGIs that are vSGIs. Their bits in `Interrupts.onVpe` are set, and their latches never are.
 * By the index of the interrupt.
 */
export interface VpeInterrupts {
  setPending(i: number, pending: boolean): void;
  isPending(i: number): boolean;
  /** Pending SGIs of a vCPU, a bit each. */
  pendingSgis(vcpu: number): number;
  /** A forwarded LPI has another target by now. */
  moved(i: number): void;
  /** The guest's configuration byte of a forwarded LPI was read; `invalidate`: it is to count at once. */
  configured(i: number, configuration: number, invalidate: boolean): void;
  /** INVALL for a vCPU: what was read counts from now on. */
  invalidateAll(vcpu: number): void;
  /** False where a GICv4.0 has pending state that can't be read: then it can't be saved. */
  readonly readable: boolean;
  /** Whether SGIs can be vSGIs (GICD_TYPER2.nASSGIcap). */
  readonly hasVsgis: boolean;
  /** Whether the host must be told when the distributor is switched (GICv4.1). */
  readonly learnsGroups: boolean;
  distributorSwitched(): void;
  /** SGIs become vSGIs, or are so no more. No vCPU is in the guest. */
  switchVsgis(on: boolean): void;
  /** Enable, group or priority of a vSGI has changed. */
  configureSgi(vcpu: number, sgi: number): void;
}
