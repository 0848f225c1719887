#include "gic.h"

#define GICD_CTLR 0x0000
#define GICD_CTLR_ENABLE_GRP0 (1u << 0)
#define GICD_CTLR_ENABLE_GRP1 (1u << 1)
#define GICD_CTLR_ARE (1u << 4)
#define GICD_CTLR_RWP (1u << 31)
#define GICD_TYPER 0x0004
/* The same offsets in the distributor (SPIs) and in SGI_base of a redistributor (SGIs and PPIs). */
#define IGROUPR 0x0080
#define ISENABLER 0x0100
#define ICENABLER 0x0180
#define ISPENDR 0x0200
#define ICPENDR 0x0280
#define ISACTIVER 0x0300
#define ICACTIVER 0x0380
#define IPRIORITYR 0x0400
#define ICFGR 0x0c00
#define IGRPMODR 0x0d00
#define GICD_IROUTER 0x6000

#define GICR_CTLR 0x0000
#define GICR_CTLR_RWP (1u << 3)
#define GICR_TYPER 0x0008
#define GICR_TYPER_VLPIS (1u << 1)
#define GICR_TYPER_LAST (1u << 4)
#define GICR_WAKER 0x0014
#define GICR_WAKER_PROCESSOR_SLEEP (1u << 1)
#define GICR_WAKER_CHILDREN_ASLEEP (1u << 2)
#define SGI_BASE 0x10000

#define ICC_CTLR_EOIMODE (1u << 1)
#define ICC_SRE_SRE 1u

struct vcpu vcpus[MAX_VCPUS];
u32 vcpu_count;
u32 spi_target[SPI_END];
u32 spi_priority[SPI_END];

/* Waits for the effect of a write (RWP); bounded, as every wait. */
static void wait_clear(u64 address, u32 bit) {
  const u64 until = now() + timeout;
  while ((read32(address) & bit) && now() < until) yield();
}

static u64 frame(struct vcpu *v, u32 intid) { return intid < 32 ? v->redistributor + SGI_BASE : DISTRIBUTOR; }

static void write_bit(struct vcpu *v, u32 registers, u32 intid) {
  write32(frame(v, intid) + registers + intid / 32 * 4, 1u << (intid % 32));
  dsb();
}

static bool read_bit(struct vcpu *v, u32 registers, u32 intid) {
  return read32(frame(v, intid) + registers + intid / 32 * 4) >> (intid % 32) & 1;
}

static void wait_disabled(struct vcpu *v, u32 intid) {
  if (intid < 32) wait_clear(v->redistributor + GICR_CTLR, GICR_CTLR_RWP);
  else wait_clear(DISTRIBUTOR + GICD_CTLR, GICD_CTLR_RWP);
}

void gic_distributor_enable(bool on) {
  write32(DISTRIBUTOR + GICD_CTLR, GICD_CTLR_ARE | (on ? GICD_CTLR_ENABLE_GRP0 | GICD_CTLR_ENABLE_GRP1 : 0));
  wait_clear(DISTRIBUTOR + GICD_CTLR, GICD_CTLR_RWP);
  dsb();
}

void gic_init_distributor(void) {
  struct vcpu *v = &vcpus[0];
  gic_distributor_enable(false);
  const u32 lines = ((read32(DISTRIBUTOR + GICD_TYPER) & 31) + 1) * 32;
  expect(v, "GICD_TYPER.ITLinesNumber is too small", 0, 1, lines >= SPI_END);
  for (u32 intid = 32; intid < lines && intid < 1020; intid += 32) {
    const u32 word = intid / 32 * 4;
    write32(DISTRIBUTOR + ICENABLER + word, ~0u);
    write32(DISTRIBUTOR + ICPENDR + word, ~0u);
    write32(DISTRIBUTOR + ICACTIVER + word, ~0u);
    write32(DISTRIBUTOR + IGROUPR + word, intid == SPI_GROUP0 / 32 * 32 ? ~(0xffu << (SPI_GROUP0 % 32)) : ~0u);
    write32(DISTRIBUTOR + IGRPMODR + word, 0);
  }
  wait_clear(DISTRIBUTOR + GICD_CTLR, GICD_CTLR_RWP);
  /* Level-sensitive all, then edge-triggered those that software makes pending, but for one of each vCPU. */
  for (u32 intid = 32; intid < lines && intid < 1020; intid += 16) write32(DISTRIBUTOR + ICFGR + intid / 16 * 4, 0);
  for (u32 intid = SPI_FIRST; intid < SPI_END; intid++) {
    const u64 address = DISTRIBUTOR + ICFGR + intid / 16 * 4;
    const bool edge = intid < SPI_SOFTWARE || intid % SPI_PER_VCPU != SPI_LEVEL;
    if (edge) write32(address, read32(address) | 2u << intid % 16 * 2);
    gic_set_priority(v, intid, 0xa0);
  }
  gic_set_priority(v, SPI_UART, 0xc0);
  gic_distributor_enable(true);
}

u32 gic_find_redistributors(void) {
  u64 address = REDISTRIBUTORS;
  for (u32 count = 0; count < MAX_VCPUS;) {
    const u64 typer = read64(address + GICR_TYPER);
    vcpus[count].id = count;
    vcpus[count].redistributor = address;
    /* Aff3 at 63:56 goes to 39:32 of MPIDR, the other three stay at 23:0. */
    vcpus[count].mpidr = (typer >> 32 & 0xffffff) | (typer >> 56) << 32;
    count++;
    if (typer & GICR_TYPER_LAST) return count;
    address += typer & GICR_TYPER_VLPIS ? 0x40000 : 0x20000;
  }
  return MAX_VCPUS;
}

void gic_init_vcpu(struct vcpu *v) {
  const u64 sgi_base = v->redistributor + SGI_BASE;
  write32(v->redistributor + GICR_WAKER, read32(v->redistributor + GICR_WAKER) & ~GICR_WAKER_PROCESSOR_SLEEP);
  wait_clear(v->redistributor + GICR_WAKER, GICR_WAKER_CHILDREN_ASLEEP);
  write32(sgi_base + ICENABLER, ~0u);
  wait_clear(v->redistributor + GICR_CTLR, GICR_CTLR_RWP);
  write32(sgi_base + ICPENDR, ~0u);
  write32(sgi_base + ICACTIVER, ~0u);
  write32(sgi_base + IGROUPR, ~0u);
  write32(sgi_base + IGRPMODR, 0);
  for (u32 intid = 0; intid < 16; intid++) gic_set_priority(v, intid, 0x00);
  for (u32 intid = 16; intid < 32; intid++) gic_set_priority(v, intid, 0x80);
  write32(sgi_base + ISENABLER, 0xffff | 1u << PPI_VIRTUAL_TIMER | 1u << PPI_PHYSICAL_TIMER | 1u << PPI_SOFTWARE);

  write_icc(ICC_SRE_EL1, ICC_SRE_SRE);
  isb();
  expect(v, "ICC_SRE_EL1.SRE does not stay set", 0, 1, read_icc(ICC_SRE_EL1) & ICC_SRE_SRE);
  write_icc(ICC_BPR0_EL1, 0);
  gic_set_binary_point(v, 0);
  gic_set_eoi_mode(v, 0);
  gic_set_priority_mask(0xff);
  write_icc(ICC_IGRPEN0_EL1, 1);
  gic_set_group1(true);
}

void gic_enable(struct vcpu *v, u32 intid) { write_bit(v, ISENABLER, intid); }
void gic_disable(struct vcpu *v, u32 intid) {
  write_bit(v, ICENABLER, intid);
  wait_disabled(v, intid);
}
void gic_set_pending(struct vcpu *v, u32 intid) { write_bit(v, ISPENDR, intid); }
void gic_clear_pending(struct vcpu *v, u32 intid) { write_bit(v, ICPENDR, intid); }
void gic_set_active(struct vcpu *v, u32 intid) { write_bit(v, ISACTIVER, intid); }
void gic_clear_active(struct vcpu *v, u32 intid) { write_bit(v, ICACTIVER, intid); }
bool gic_pending(struct vcpu *v, u32 intid) { return read_bit(v, ISPENDR, intid); }
bool gic_active(struct vcpu *v, u32 intid) { return read_bit(v, ISACTIVER, intid); }

void gic_set_priority(struct vcpu *v, u32 intid, u32 priority) {
  write8(frame(v, intid) + IPRIORITYR + intid, priority);
  if (intid < 32) v->priority[intid] = priority;
  else shared_write(spi_priority[intid], priority);
  dsb();
}

void gic_route(u32 spi, u32 target) {
  shared_write(spi_target[spi], target);
  write64(DISTRIBUTOR + GICD_IROUTER + spi * 8, vcpus[target].mpidr);
  dsb();
}

void gic_priority_drop(u32 intid) {
  write_icc(ICC_EOIR1_EL1, intid);
  isb();
}
void gic_deactivate(u32 intid) {
  write_icc(ICC_DIR_EL1, intid);
  isb();
}
void gic_end(struct vcpu *v, u32 intid) {
  dsb(); /* what quieted the device is seen before its interrupt can be taken again */
  gic_priority_drop(intid);
  if (v->eoi_mode) gic_deactivate(intid);
}

void gic_set_eoi_mode(struct vcpu *v, u32 mode) {
  v->eoi_mode = mode;
  write_icc(ICC_CTLR_EL1, mode ? ICC_CTLR_EOIMODE : 0);
  isb();
}

/* Group 1 without a second Security state: bits 7 to n preempt; values below the least one implemented are taken as that. */
void gic_set_binary_point(struct vcpu *v, u32 value) {
  write_icc(ICC_BPR1_EL1, value);
  isb();
  v->group_mask = 0xffu << read_icc(ICC_BPR1_EL1) & 0xff;
}
void gic_set_priority_mask(u32 value) {
  write_icc(ICC_PMR_EL1, value);
  isb();
  dsb();
}
void gic_set_group1(bool on) {
  write_icc(ICC_IGRPEN1_EL1, on);
  isb();
}

void spi_send(struct vcpu *v, u32 spi) {
  shared_count(v->spi_sent[spi - SPI_FIRST]);
  dsb();
  gic_set_pending(v, spi);
}

u32 spi_total_taken(u32 spi) {
  u32 total = 0;
  for (u32 i = 0; i < vcpu_count; i++) total += shared_read(vcpus[i].spi_taken[spi - SPI_FIRST]);
  return total;
}
