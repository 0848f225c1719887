#include "gic.h"

#define GICD_CTLR 0x0000
#define GICD_CTLR_ENABLE_GRP1 (1u << 1)
#define GICD_CTLR_ARE (1u << 4)
#define GICD_CTLR_RWP (1u << 31)
#define GICD_TYPER 0x0004
#define GICD_TYPER_LPIS (1u << 17)

#define GICR_CTLR 0x0000
#define GICR_CTLR_ENABLE_LPIS (1u << 0)
#define GICR_CTLR_RWP (1u << 3)
#define GICR_TYPER 0x0008
#define GICR_TYPER_PLPIS (1u << 0)
#define GICR_TYPER_VLPIS (1u << 1)
#define GICR_TYPER_LAST (1u << 4)
#define GICR_WAKER 0x0014
#define GICR_WAKER_PROCESSOR_SLEEP (1u << 1)
#define GICR_WAKER_CHILDREN_ASLEEP (1u << 2)
#define GICR_PROPBASER 0x0070
#define GICR_PENDBASER 0x0078
#define GICR_PENDBASER_PTZ (1ul << 62)
#define SGI_BASE 0x10000
#define IGROUPR 0x0080
#define ISENABLER 0x0100
#define ICENABLER 0x0180
#define ICPENDR 0x0280
#define ICACTIVER 0x0380
#define IPRIORITYR 0x0400

/* GICR_PROPBASER.IDbits: LPIs 8192 to 16383. Fewer bits would be none (IHI 0069, 12.11.19). */
#define ID_BITS 14
/* Inner Shareable, Inner Write-back Read-allocate Write-allocate. */
#define CACHEABLE (7ul << 7 | 1ul << 10)
#define LPI_ENABLE 1u

static uint8_t configuration_table[(1 << ID_BITS) - LPI_FIRST] __attribute__((aligned(4096)));
static uint8_t pending_tables[MAX_VCPUS][0x10000] __attribute__((aligned(0x10000)));

struct vcpu vcpus[MAX_VCPUS];
u32 vcpu_count, channel_count;
u32 priority[LPIS];

static void wait_clear(u64 address, u32 bit) {
  const u64 until = now() + timeout;
  while ((read32(address) & bit) && now() < until) yield();
}

void gic_init_distributor(void) {
  struct vcpu *v = &vcpus[0];
  write32(DISTRIBUTOR + GICD_CTLR, GICD_CTLR_ARE);
  wait_clear(DISTRIBUTOR + GICD_CTLR, GICD_CTLR_RWP);
  expect(v, "GICD_TYPER.LPIS: there are no LPIs", 0, GICD_TYPER_LPIS, read32(DISTRIBUTOR + GICD_TYPER) & GICD_TYPER_LPIS);
  write32(DISTRIBUTOR + GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_ENABLE_GRP1);
  wait_clear(DISTRIBUTOR + GICD_CTLR, GICD_CTLR_RWP);
}

u32 gic_find_redistributors(void) {
  u64 address = REDISTRIBUTORS;
  for (u32 count = 0; count < MAX_VCPUS;) {
    struct vcpu *v = &vcpus[count];
    const u64 typer = read64(address + GICR_TYPER);
    v->id = count;
    v->redistributor = address;
    v->number = typer >> 8 & 0xffff;
    v->mpidr = (typer >> 32 & 0xffffff) | (typer >> 56) << 32;
    expect(v, "GICR_TYPER.PLPIS: there are no LPIs", count, GICR_TYPER_PLPIS, typer & GICR_TYPER_PLPIS);
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
  write8(sgi_base + IPRIORITYR + PPI_PHYSICAL_TIMER, 0x10);
  write32(sgi_base + ISENABLER, 1u << PPI_PHYSICAL_TIMER);

  write_icc(ICC_SRE_EL1, 1);
  isb();
  write_icc(ICC_BPR1_EL1, 0);
  write_icc(ICC_CTLR_EL1, 0);
  write_icc(ICC_PMR_EL1, 0xff);
  write_icc(ICC_IGRPEN1_EL1, 1);
  isb();
  v->group_mask = 0xffu << read_icc(ICC_BPR1_EL1) & 0xff;
  write64(v->redistributor + GICR_PROPBASER, (u64)configuration_table | CACHEABLE | (ID_BITS - 1));
  lpi_enable_all(v, true);
}

void lpi_configure(u32 lpi, u32 value, bool enabled) {
  shared_write(priority[lpi], value);
  shared_write(configuration_table[lpi], value | (enabled ? LPI_ENABLE : 0));
  dsb();
}

void lpi_enable_all(struct vcpu *v, bool pending_table_zero) {
  write64(v->redistributor + GICR_PENDBASER,
          (u64)pending_tables[v->id] | CACHEABLE | (pending_table_zero ? GICR_PENDBASER_PTZ : 0));
  dsb();
  write32(v->redistributor + GICR_CTLR, GICR_CTLR_ENABLE_LPIS);
  dsb();
  expect(v, "GICR_CTLR.EnableLPIs does not stay set", 0, 1, read32(v->redistributor + GICR_CTLR) & GICR_CTLR_ENABLE_LPIS);
}

void lpi_disable_all(struct vcpu *v) {
  write32(v->redistributor + GICR_CTLR, 0);
  wait_clear(v->redistributor + GICR_CTLR, GICR_CTLR_RWP);
  expect(v, "GICR_CTLR.EnableLPIs does not stay clear", 0, 0, read32(v->redistributor + GICR_CTLR) & GICR_CTLR_ENABLE_LPIS);
}

void lpi_set_pending_bit(struct vcpu *v, u32 lpi, bool pending) {
  volatile uint8_t *byte = &pending_tables[v->id][intid_of(lpi) / 8];
  const uint8_t bit = 1u << intid_of(lpi) % 8;
  *byte = pending ? *byte | bit : *byte & ~bit;
  dsb();
}
