/* From the vectors: which interrupt it is, whether it comes at its priority, and who sees to it. */
#include "console.h"
#include "gic.h"

#define SPECIAL_INTIDS 1020 /* 1020 to 1023 are no interrupts */

void unexpected_interrupt(struct vcpu *v, u32 intid) {
  report_error(v, &v->unexpected, "an interrupt that nobody sent", intid, 0, 1);
  /* Whatever it is, once is enough: a line that stays high must not take the vCPU for ever. */
  gic_disable(v, intid);
  gic_end(v, intid);
}

static u32 expected_priority(struct vcpu *v, u32 intid) {
  return intid < 32 ? v->priority[intid] : intid < SPI_END ? shared_read(spi_priority[intid]) : 0;
}

void irq_taken(void) {
  struct vcpu *v = self();
  const u32 intid = read_icc(ICC_IAR1_EL1);
  dsb();
  isb();
  if (intid >= SPECIAL_INTIDS) {
    report_error(v, &v->spurious, "ICC_IAR1_EL1 gives no interrupt", intid, 0, 1);
    return;
  }
  expect(v, "running priority", intid, expected_priority(v, intid) & v->group_mask, gic_running_priority());
  if (intid < 16) sgi_taken(v, intid);
  else if (intid == v->watchdog) watchdog_taken(v, intid);
  else v->on_interrupt(v, intid);
}

void fiq_taken(void) {
  struct vcpu *v = self();
  const u32 intid = read_icc(ICC_IAR0_EL1);
  dsb();
  isb();
  if (intid >= SPECIAL_INTIDS) {
    report_error(v, &v->spurious, "ICC_IAR0_EL1 gives no interrupt", intid, 0, 1);
    return;
  }
  if (intid == SPI_GROUP0 + v->id) shared_count(v->spi_taken[intid - SPI_FIRST]);
  else report_error(v, &v->unexpected, "an FIQ that nobody sent", intid, 0, 1);
  dsb();
  write_icc(ICC_EOIR0_EL1, intid);
  isb();
  if (v->eoi_mode) gic_deactivate(intid);
}

void exception_taken(u64 syndrome, u64 address, u64 fault_address) {
  struct vcpu *v = self();
  irq_off();
  print("\nvCPU %u: exception ESR %x at %x%x, FAR %x%x\nFAIL an exception was taken\n", v ? v->id : 0, (u32)syndrome,
        (u32)(address >> 32), (u32)address, (u32)(fault_address >> 32), (u32)fault_address);
  psci(PSCI_SYSTEM_OFF, 0, 0, 0);
}
