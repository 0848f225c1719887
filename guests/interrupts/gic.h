/* GICv3 by its registers (IHI 0069). Everything is set explicitly: what reset leaves differs between implementations. */
#ifndef GIC_H
#define GIC_H

#include "guest.h"

#define RPR_IDLE 0xff

void gic_init_distributor(void);
/** Finds the redistributors: as many as vCPUs, at most MAX_VCPUS. */
u32 gic_find_redistributors(void);
void gic_init_vcpu(struct vcpu *v);
void gic_distributor_enable(bool on);

/* One interrupt: an SGI or PPI of this vCPU, or an SPI. */
void gic_enable(struct vcpu *v, u32 intid);
void gic_disable(struct vcpu *v, u32 intid);
void gic_set_pending(struct vcpu *v, u32 intid);
void gic_clear_pending(struct vcpu *v, u32 intid);
void gic_set_active(struct vcpu *v, u32 intid);
void gic_clear_active(struct vcpu *v, u32 intid);
bool gic_pending(struct vcpu *v, u32 intid);
bool gic_active(struct vcpu *v, u32 intid);
void gic_set_priority(struct vcpu *v, u32 intid, u32 priority);
void gic_route(u32 spi, u32 target);

/** End of interrupt, and its deactivation where ICC_CTLR_EL1.EOImode leaves that to ICC_DIR_EL1. */
void gic_end(struct vcpu *v, u32 intid);
void gic_priority_drop(u32 intid);
void gic_deactivate(u32 intid);
void gic_set_eoi_mode(struct vcpu *v, u32 mode);
void gic_set_binary_point(struct vcpu *v, u32 value);
void gic_set_priority_mask(u32 value);
void gic_set_group1(bool on);
/** Priority of what this vCPU handles now; RPR_IDLE when nothing. */
static inline u32 gic_running_priority(void) { return (u32)read_icc(ICC_RPR_EL1); }
static inline u32 gic_highest_pending(void) { return (u32)read_icc(ICC_HPPIR1_EL1); }

/** One counted SPI made pending by GICD_ISPENDR; the vCPU that sends is the one that runs. */
void spi_send(struct vcpu *v, u32 spi);
u32 spi_total_taken(u32 spi);

#endif
