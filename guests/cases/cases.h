/* What the cases share: a GICv3 with everything in group 1, and lines of a name and a number. */
#ifndef CASES_H
#define CASES_H

#include "../interrupts/arm.h"
#include "../interrupts/board.h"
#include "../interrupts/console.h"

#define GICD_CTLR 0x0000
#define GICD_TYPER 0x0004
/* The same offsets in the distributor and in SGI_base of a redistributor. */
#define IGROUPR 0x0080
#define ISENABLER 0x0100
#define ICENABLER 0x0180
#define ISPENDR 0x0200
#define ICPENDR 0x0280
#define ISACTIVER 0x0300
#define ICACTIVER 0x0380
#define ICFGR 0x0c00
#define GICD_IROUTER 0x6000
#define SGI_BASE(vcpu) (REDISTRIBUTORS + 0x20000ul * (vcpu) + 0x10000)
#define ENABLE_GRP0 1u
#define ENABLE_GRP1 2u
#define EOIMODE 2u /* ICC_CTLR_EL1 */
#define SPURIOUS 1023u

/* The register of an SPI's bit. */
static inline u32 distributor_read(u32 offset) { return read32(DISTRIBUTOR + offset); }
static inline void distributor_write(u32 offset, u32 value) {
  write32(DISTRIBUTOR + offset, value);
  dsb();
}

/** Everything in group 1, nothing enabled, SPIs to vCPU 0; the distributor forwards group 1. */
void cases_distributor(void);
/** This vCPU's interface, and its SGIs and PPIs in group 1. */
void cases_cpu_interface(u32 vcpu, u32 control);
/** Enables an SPI of the first 32. */
void cases_enable(u32 intid);
/** What ICC_IAR1_EL1 gives within so many milliseconds: until then SPURIOUS. */
u32 cases_acknowledge(u32 milliseconds);
void cases_end(u32 intid);
void cases_deactivate(u32 intid);
static inline void say(const char *what, u32 value) { print("%s %x\n", what, value); }
/** Runs it on vCPU 1; comes back when it is done. */
void cases_run_on_other(void (*what)(void));

/* The cases, each in a file of its own with what it must print. */
void dir_on_another_vcpu(void);
void distributor_off_and_on(void);
void edge_to_level(void);
void eoimode1_timer(void);
void group_enables(void);
void ispendr_of_active_level(void);

#endif
