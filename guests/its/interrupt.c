/* From the vectors: which interrupt it is, whether it may come here, and whether it comes at its priority. */
#include "device.h"
#include "gic.h"

#define SPECIAL_INTIDS 1020 /* 1020 to 1023 are no interrupts */

static void lpi_taken(struct vcpu *v, u32 intid) {
  const u32 lpi = intid - LPI_FIRST;
  if (lpi >= LPIS || !(shared_read(allowed[lpi]) >> v->id & 1))
    report_error(v, &v->unexpected, "an LPI came to a vCPU that it is not for", intid, 0, 1);
  if (lpi < LPIS) {
    expect(v, "running priority of an LPI", intid, shared_read(priority[lpi]) & v->group_mask, gic_running_priority());
    if (v->logging && v->log_length < LOG_SIZE) v->log[v->log_length++] = lpi;
    shared_count(v->taken[lpi]);
    if (has_device) device_acknowledge(lpi % LPI_OTHER / VECTORS, lpi % VECTORS);
    if (v->nesting) {
      irq_on();
      pause(200);
      irq_off();
    }
  }
  gic_end(intid);
}

void irq_taken(void) {
  struct vcpu *v = self();
  const u32 intid = read_icc(ICC_IAR1_EL1);
  dsb();
  isb();
  if (intid >= LPI_FIRST) {
    lpi_taken(v, intid);
  } else if (intid == PPI_PHYSICAL_TIMER) {
    timer_taken(v);
  } else if (intid >= SPECIAL_INTIDS) {
    /* While others disable and move what is pending here it may be gone before it is acknowledged. */
    if (!v->nesting) report_error(v, &v->spurious, "ICC_IAR1_EL1 gives no interrupt", intid, 0, 1);
  } else {
    report_error(v, &v->unexpected, "an interrupt that nobody sent", intid, 0, 1);
    gic_end(intid);
  }
}

void fiq_taken(void) {
  struct vcpu *v = self();
  report_error(v, &v->unexpected, "an FIQ that nobody sent", (u32)read_icc(ICC_IAR0_EL1), 0, 1);
}

void exception_taken(u64 syndrome, u64 address, u64 fault_address) {
  struct vcpu *v = self();
  irq_off();
  print("\nvCPU %u: exception ESR %x at %x%x, FAR %x%x\nFAIL an exception was taken\n", v ? v->id : 0, (u32)syndrome,
        (u32)(address >> 32), (u32)address, (u32)(fault_address >> 32), (u32)fault_address);
  psci(PSCI_SYSTEM_OFF, 0, 0, 0);
}
