/* The rest of the GICv3 (IHI 0069): distributor, redistributors with their LPI tables, CPU interface. */
#ifndef GIC_H
#define GIC_H

#include "guest.h"

void gic_init_distributor(void);
/** Finds the redistributors: as many as vCPUs, at most MAX_VCPUS. */
u32 gic_find_redistributors(void);
void gic_init_vcpu(struct vcpu *v);
static inline void gic_end(u32 intid) {
  dsb();
  write_icc(ICC_EOIR1_EL1, intid);
  isb();
}
static inline u32 gic_running_priority(void) { return (u32)read_icc(ICC_RPR_EL1); }
static inline u32 gic_highest_pending(void) { return (u32)read_icc(ICC_HPPIR1_EL1); }

/* LPIs */
#define LPI_PRIORITY 0xa0
/** Writes a byte of the configuration table; an INV or INVALL makes it count. */
void lpi_configure(u32 lpi, u32 priority, bool enabled);
void lpi_enable_all(struct vcpu *v, bool pending_table_zero);
void lpi_disable_all(struct vcpu *v);
/** The bit of an LPI in a vCPU's pending table, while its EnableLPIs is 0. */
void lpi_set_pending_bit(struct vcpu *v, u32 lpi, bool pending);

#endif
