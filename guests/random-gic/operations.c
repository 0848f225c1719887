/* What an operation can be. The interrupts are few, so that they meet again and again. */
#include "guest.h"
#include "registers.h"

static const u32 private_intids[] = {0, 1, 5, 8, 15, PPI_SOFTWARE, PPI_VIRTUAL_TIMER, PPI_PHYSICAL_TIMER};
static const u32 shared_intids[] = {SPI_UART, 34, 63, 64, 96, 130, 184, 185, 186, 187, 188, 250};
/** Of the shared ones, those of the GICv2m frame. */
static const u32 msi_intids[] = {96, 130};

/** SGIs that start in group 1; the others of group 0 are sent by ICC_SGI0R_EL1. */
#define GROUP1_SGIS 0x00ffu
/** An affinity that no vCPU has. */
#define NOWHERE 0xff00
#define PROCESSOR_SLEEP 2u
#define UART_TX (1u << 5)
#define TIMER_ENABLE 1u
#define TIMER_IMASK 2u
/** Past at once, and never reached: the counter's rate does not matter. */
#define PAST 0ul
#define FUTURE 0x7ffffffffffffffful

static u32 some_intid(void) { return one_in(3) ? random_of(private_intids) : random_of(shared_intids); }
static u32 some_vcpu(void) { return random_below(vcpu_count); }

/** Bits of one register of one interrupt and sometimes of its neighbours. */
static u32 some_bits(u32 intid) {
  u32 bits = 1u << intid % 32;
  if (one_in(3)) bits |= 1u << some_intid() % 32;
  if (one_in(12)) bits = random_word();
  return bits;
}

/** A bit of each interrupt: a distributor's register, or for a GICv3's SGIs and PPIs a redistributor's. */
struct pair {
  enum register_name shared, private;
};

static void write_bits(struct vcpu *v, struct pair name, u32 intid, u32 bits) {
  if (intid >= 32 || gic_version == 2) out(name.shared, intid / 32, 0, bits);
  else out(name.private, 0, one_in(3) ? some_vcpu() : v->id, bits);
}

#define pair_of(name) ((struct pair){GICD_##name, GICR_##name##0})

static void change_state(struct vcpu *v) {
  const struct pair names[] = {
    pair_of(ISENABLER), pair_of(ISENABLER), pair_of(ISENABLER), pair_of(ICENABLER), pair_of(ISPENDR), pair_of(ISPENDR),
    pair_of(ISPENDR), pair_of(ISPENDR), pair_of(ISPENDR), pair_of(ICPENDR), pair_of(ICPENDR), pair_of(ISACTIVER),
    pair_of(ICACTIVER), pair_of(ICACTIVER),
  };
  const struct pair name = random_of(names);
  const u32 intid = some_intid();
  const bool pending = name.shared == GICD_ISPENDR || name.shared == GICD_ICPENDR;
  if (avoid[PPI_PENDING_BITS] && pending && intid < 32) return;
  if (avoid[ACTIVE_ELSEWHERE] && name.shared == GICD_ISACTIVER && intid >= 32) return;
  u32 bits = some_bits(intid);
  if (avoid[SGI_DISABLED] && name.shared == GICD_ICENABLER && intid < 32) bits &= 0xffff0000;
  write_bits(v, name, intid, bits);
}

static bool is_in_flight(void) {
  for (u32 i = 0; i < vcpu_count; i++)
    if (vcpus[i].depth) return true;
  return false;
}

static void change_group(struct vcpu *v) {
  if (avoid[GROUP_IN_FLIGHT] && is_in_flight()) return;
  const u32 intid = some_intid();
  u32 bits = one_in(8) ? random_word() : one_in(3) ? ~some_bits(intid) : ~0u;
  if (intid < 32 && avoid[GROUP0_SGI_BY_SGI1R]) bits = (bits & 0xffff0000) | GROUP1_SGIS;
  write_bits(v, pair_of(IGROUPR), intid, bits);
}

/* Five bits of priority are implemented by both. */
static u32 some_priority(void) { return random_below(32) * 8; }

static u32 four_priorities(void) {
  u32 word = 0;
  for (u32 byte = 0; byte < 4; byte++) word = word << 8 | some_priority();
  return word;
}

static void change_priority(struct vcpu *v) {
  const u32 intid = some_intid();
  const bool shared = intid >= 32 || gic_version == 2;
  const enum register_name name = shared ? GICD_IPRIORITYR : GICR_IPRIORITYR;
  const u32 owner = shared ? 0 : one_in(3) ? some_vcpu() : v->id;
  if (one_in(2)) out_byte(name, intid, owner, some_priority());
  else out(name, intid / 4, owner, four_priorities());
}

/** It is to be ended by a vCPU, though GICD_ICACTIVER may have done so before. */
static bool is_acknowledged(u32 intid) {
  for (u32 i = 0; i < vcpu_count; i++)
    for (u32 at = 0; at < vcpus[i].depth; at++)
      if (vcpus[i].stack[at].value == intid) return true;
  return false;
}

static void change_targets(u32 intid, u32 target) {
  u32 targets = 1u << target;
  if (!avoid[SEVERAL_TARGETS] && one_in(4)) targets = 1 + random_below((1u << vcpu_count) - 1);
  if (avoid[TARGET_IN_USE]) {
    const u32 in_use = in(GICD_ISPENDR, intid / 32, 0) | in(GICD_ISACTIVER, intid / 32, 0);
    if (in_use >> intid % 32 & 1 || is_acknowledged(intid)) return;
  } else if (one_in(8)) {
    targets = 0;
  }
  out_byte(GICD_ITARGETSR, intid, 0, targets);
}

static void change_route(void) {
  const u32 intid = random_of(shared_intids);
  const u32 target = some_vcpu();
  if (gic_version == 2) change_targets(intid, target);
  else out(GICD_IROUTER, intid, 0, one_in(8) ? NOWHERE : vcpus[target].mpidr);
}

/* Only of a disabled interrupt (IHI 0048B, 4.3.13; IHI 0069H, 12.9.9). */
static void change_trigger(void) {
  const u32 intid = random_of(shared_intids);
  const u32 bit = 1u << intid % 32;
  const u32 edge = 2u << intid % 16 * 2;
  out(GICD_ICENABLER, intid / 32, 0, bit);
  const u32 before = in(GICD_ICFGR, intid / 16, 0);
  out(GICD_ICFGR, intid / 16, 0, one_in(2) ? before | edge : before & ~edge);
  if (!one_in(4)) out(GICD_ISENABLER, intid / 32, 0, bit);
}

static void change_distributor(void) {
  set(GICD_CTLR, (gic_version == 3 ? 0x10 : 0) | some_groups());
}

static void drive_uart(void) {
  switch (random_below(4)) {
    case 0:
      set(UARTDR, '.');
      break;
    case 1:
      set(UARTICR, UART_TX);
      break;
    default:
      set(UARTIMSC, one_in(2) ? UART_TX : 0);
  }
}

static void drive_timer(void) {
  const bool physical = one_in(2);
  if (one_in(2)) set(physical ? CNTP_CVAL_EL0 : CNTV_CVAL_EL0, one_in(2) ? PAST : FUTURE);
  else set(physical ? CNTP_CTL_EL0 : CNTV_CTL_EL0, one_in(2) ? TIMER_ENABLE : random_below(4));
}

/* By the GICv2m frame. */
static void send_msi(void) { set(MSI_SETSPI_NS, random_of(msi_intids)); }

/* ProcessorSleep holds nothing back while the vCPU runs. */
static void change_waker(struct vcpu *v) { out(GICR_WAKER, 0, v->id, one_in(2) ? PROCESSOR_SLEEP : 0); }

static void pend_sgi(void) {
  const u32 byte = random_of(private_intids) % 16;
  out_byte(one_in(2) ? GICD_CPENDSGIR : GICD_SPENDSGIR, byte, 0, 1 + random_below((1u << vcpu_count) - 1));
}

static bool is_here(enum register_name name) {
  return registers[name].version == BOTH || registers[name].version == gic_version;
}

static u32 some_index(enum register_name name) {
  const u32 count = registers[name].count;
  /* Of arrays: the registers of the interrupts that are used. */
  const u32 intid = some_intid();
  return count > 1 ? intid * count / 256 : 0;
}

static void read_something(void) {
  enum register_name name = random_below(READABLE_REGISTERS);
  while (!is_here(name)) name = random_below(READABLE_REGISTERS);
  const u32 index = some_index(name);
  const u32 owner = some_vcpu();
  if ((name == GICD_IPRIORITYR || name == GICR_IPRIORITYR) && one_in(2)) in_byte(name, index * 4 + random_below(4), owner);
  else in(name, index, owner);
}

/* What one operation after another has closed. */
static void open_up(struct vcpu *v) {
  open_cpu_interface();
  set(GICD_CTLR, (gic_version == 3 ? 0x10 : 0) | 3);
  const bool ended = one_in(2);
  for (u32 intid = 0; intid < 256; intid += 32) {
    if (ended) write_bits(v, pair_of(ICACTIVER), intid, ~0u);
    if (one_in(2)) write_bits(v, pair_of(ISENABLER), intid, ~0u);
  }
}

/* Several pend at once, so that some preempt others. */
static void make_pending(struct vcpu *v) {
  for (u32 count = 1 + random_below(4); count; count--) {
    const bool private = one_in(3) && !avoid[PPI_PENDING_BITS];
    const u32 intid = private ? random_of(private_intids) : random_of(shared_intids);
    write_bits(v, pair_of(ISENABLER), intid, 1u << intid % 32);
    write_bits(v, pair_of(ISPENDR), intid, 1u << intid % 32);
  }
}

/* What an operation is, and how often of all. */
#define OPERATIONS(O)       \
  O(OPEN, 3)                \
  O(PENDING, 4)             \
  O(STATE, 6)               \
  O(GROUP, 1)               \
  O(PRIORITY, 2)            \
  O(ROUTE, 1)               \
  O(TRIGGER, 1)             \
  O(DISTRIBUTOR_CONTROL, 1) \
  O(UART_LINE, 2)           \
  O(TIMER_LINE, 2)          \
  O(MSI_OR_WAKER, 1)        \
  O(SGI_STATE, 1)           \
  O(READ, 2)                \
  O(CPU_INTERFACE, 2)       \
  O(SEND_SGI, 5)            \
  O(ACKNOWLEDGE, 12)        \
  O(END, 9)                 \
  O(DEACTIVATE, 4)

#define NAME_(name, weight) name,
enum operation { OPERATIONS(NAME_) };
#undef NAME_
#define PLUS_(name, weight) +weight
static const u32 all_weights = 0 OPERATIONS(PLUS_);
#undef PLUS_

static enum operation some_operation(void) {
  u32 drawn = random_below(all_weights);
#define IS_(name, weight)            \
  if (drawn < (weight)) return name; \
  drawn -= weight;
  OPERATIONS(IS_)
#undef IS_
  return READ;
}

void random_operation(struct vcpu *v) {
  switch (some_operation()) {
    case OPEN: open_up(v); break;
    case PENDING: make_pending(v); break;
    case STATE: change_state(v); break;
    case GROUP: change_group(v); break;
    case PRIORITY: change_priority(v); break;
    case ROUTE: change_route(); break;
    case TRIGGER: change_trigger(); break;
    case DISTRIBUTOR_CONTROL: change_distributor(); break;
    case UART_LINE: drive_uart(); break;
    case TIMER_LINE: drive_timer(); break;
    case MSI_OR_WAKER: gic_version == 2 ? send_msi() : change_waker(v); break;
    case SGI_STATE: if (gic_version == 2) pend_sgi(); break;
    case READ: read_something(); break;
    case CPU_INTERFACE: change_cpu_interface(v); break;
    case SEND_SGI: send_sgi(); break;
    case ACKNOWLEDGE: acknowledge(v); break;
    case END: end(v); break;
    case DEACTIVATE: deactivate(v); break;
  }
  observe();
}

/*
 * Of all interrupts: a word has bits of those that are none of the few, too. Groups at reset are the choice of whoever
 * starts the guest, and enables of SGIs that of the implementation.
 */
void set_up(struct vcpu *v) {
  set_up_cpu_interface();
  out(gic_version == 2 ? GICD_IGROUPR : GICR_IGROUPR0, 0, v->id, 0xffff0000 | GROUP1_SGIS);
  if (gic_version == 3) out(GICR_ICENABLER0, 0, v->id, ~0u);
  if (v->id == 0) {
    for (u32 i = 1; i < 8; i++) out(GICD_IGROUPR, i, 0, ~0u);
    for (u32 i = 8; i < 64; i++) {
      out(GICD_IPRIORITYR, i, 0, four_priorities());
      if (gic_version == 2) out(GICD_ITARGETSR, i, 0, 0x01010101);
    }
    set(GICD_CTLR, 3 | (gic_version == 3 ? 0x10 : 0));
    for (u32 i = 0; i < sizeof(shared_intids) / sizeof(shared_intids[0]); i++) {
      const u32 intid = shared_intids[i];
      out(GICD_ISENABLER, intid / 32, 0, 1u << intid % 32);
      if (gic_version == 2) out_byte(GICD_ITARGETSR, intid, 0, 1u << some_vcpu());
      else out(GICD_IROUTER, intid, 0, vcpus[some_vcpu()].mpidr);
    }
  }
  for (u32 i = 0; i < 8; i++) out(gic_version == 2 ? GICD_IPRIORITYR : GICR_IPRIORITYR, i, v->id, four_priorities());
  for (u32 i = 0; i < sizeof(private_intids) / sizeof(private_intids[0]); i++) {
    const u32 intid = private_intids[i];
    out(gic_version == 2 ? GICD_ISENABLER : GICR_ISENABLER0, 0, v->id, 1u << intid);
  }
  observe();
}

void read_everything(struct vcpu *v) {
  for (enum register_name name = 0; name < READABLE_REGISTERS; name++) {
    if (!is_here(name)) continue;
    for (u32 index = 0; index < registers[name].count; index++) in(name, index, v->id);
  }
}
