/* The CPU interface, of a GICv3 by system registers and of a GICv2 by its frame: acknowledge, end, SGIs and masks. */
#include "guest.h"
#include "registers.h"

#define INTID_MASK(value) ((value) & (gic_version == 2 ? 0x3ff : 0xffffff))
#define SPECIAL_INTID 1020

#define ENABLE_BOTH 3u
#define GICC_CTLR_ACKCTL (1u << 2)
#define GICC_CTLR_CBPR (1u << 4)
#define GICC_CTLR_EOIMODE (1u << 9)
/* As many bits of priority as every GICv2 has that is virtual, and the least binary point that goes with them. */
#define FIVE_BITS 0xf8
#define GICC_BPR_LEAST 2
#define FIRST_GROUP0_SGI 8
#define ICC_BPR0_LEAST 2 /* what is written below it becomes it */
#define ICC_CTLR_CBPR 1u
#define ICC_CTLR_EOIMODE (1u << 1)

void open_cpu_interface(void) {
  if (gic_version == 2) {
    set(GICC_PMR, 0xf8);
    set(GICC_CTLR, in(GICC_CTLR, 0, 0) | ENABLE_BOTH);
  } else {
    set(ICC_PMR_EL1, 0xf8);
    set(ICC_IGRPEN0_EL1, 1);
    set(ICC_IGRPEN1_EL1, 1);
  }
}

void set_up_cpu_interface(void) {
  if (gic_version == 2) {
    set(GICC_BPR, GICC_BPR_LEAST);
    set(GICC_ABPR, GICC_BPR_LEAST + 1);
    set(GICC_CTLR, GICC_CTLR_ACKCTL);
  } else {
    set(ICC_SRE_EL1, 7);
  }
  open_cpu_interface();
}

void observe(void) {
  get(ISR_EL1);
  if (gic_version == 2) {
    get(GICC_HPPIR);
    get(GICC_RPR);
  } else {
    get(ICC_HPPIR0_EL1);
    get(ICC_HPPIR1_EL1);
    get(ICC_RPR_EL1);
  }
}

/* By GICD_ICACTIVER it came to its end, and now another vCPU has it: that one's DIR is to come. */
static void forget_dropped(u32 intid) {
  for (u32 i = dropped_count; i-- > 0;)
    if (intid >= 32 && INTID_MASK(dropped[i].value) == intid) dropped[i] = dropped[--dropped_count];
}

void acknowledge(struct vcpu *v) {
  if (v->depth == STACK_SIZE) return;
  u32 group = gic_version == 3 && !one_in(4);
  u32 value = get(gic_version == 2 ? GICC_IAR : group ? ICC_IAR1_EL1 : ICC_IAR0_EL1);
  if (gic_version == 3 && INTID_MASK(value) >= SPECIAL_INTID) {
    group = !group;
    value = get(group ? ICC_IAR1_EL1 : ICC_IAR0_EL1);
  }
  if (INTID_MASK(value) >= SPECIAL_INTID) return;
  v->stack[v->depth++] = (struct taken){value, group};
  if (avoid[ACTIVE_ELSEWHERE]) forget_dropped(INTID_MASK(value));
}

/* In the reverse order of the acknowledges: IHI 0048B, 3.2.1; IHI 0069H, 4.1.1. */
void end(struct vcpu *v) {
  if (!v->depth) {
    acknowledge(v);
    return;
  }
  const struct taken last = v->stack[--v->depth];
  if (v->eoi_mode && dropped_count < DROPPED_SIZE) dropped[dropped_count++] = (struct dropped){last.value, v->id};
  set(gic_version == 2 ? GICC_EOIR : last.group ? ICC_EOIR1_EL1 : ICC_EOIR0_EL1, last.value);
}

/* In any order, and an SPI's by any vCPU. */
void deactivate(struct vcpu *v) {
  if (!v->eoi_mode || !dropped_count) return;
  struct dropped *chosen = &dropped[random_below(dropped_count)];
  if (chosen->vcpu != v->id && (avoid[ACTIVE_ELSEWHERE] || INTID_MASK(chosen->value) < 32)) return;
  const u32 value = chosen->value;
  *chosen = dropped[--dropped_count];
  set(gic_version == 2 ? GICC_DIR : ICC_DIR_EL1, value);
}

void send_sgi(void) {
  static const u32 intids[] = {0, 1, 5, 8, 15};
  const u32 intid = random_of(intids);
  const u32 targets = 1 + random_below((1u << vcpu_count) - 1);
  const bool others = one_in(6);
  if (gic_version == 2) {
    /* TargetListFilter: the list, all others, itself. */
    const u32 filter = others ? 1 : one_in(6) ? 2 : 0;
    set(GICD_SGIR, filter << 24 | targets << 16 | intid);
    return;
  }
  const bool group0 = one_in(4) || (avoid[GROUP0_SGI_BY_SGI1R] && intid >= FIRST_GROUP0_SGI);
  set(group0 ? ICC_SGI0R_EL1 : ICC_SGI1R_EL1, (u64)intid << 24 | (others ? 1ul << 40 : targets));
}

u32 some_groups(void) {
  const u32 groups = one_in(2) ? 3 : random_below(4);
  return avoid[ONE_GROUP_ENABLED] && groups != 3 ? 0 : groups;
}

static u32 some_mask(void) {
  static const u32 masks[] = {0xf8, 0xf8, 0xf8, 0xf8, 0xf8, 0xff, 0xff, 0xf0, 0xa8, 0x80, 0x40, 0};
  const u32 mask = random_of(masks);
  return gic_version == 2 ? mask & FIVE_BITS : mask;
}

/* Of group 0, from `least` on; one more for group 1, so that the same bits of a priority preempt. */
static void change_binary_points(struct vcpu *v, enum register_name group0, enum register_name group1, u32 least) {
  if (!avoid[BINARY_POINTS_APART]) {
    if (one_in(2)) set(group0, least + random_below(one_in(3) ? 8 - least : 2));
    else set(group1, least + 1 + random_below(one_in(3) ? 7 - least : 2));
  } else if (!v->depth && !v->common_point) {
    const u32 point = least + random_below(one_in(3) ? 7 - least : 2);
    set(group0, point);
    set(group1, point + 1);
  }
}

static void change_gicv2(struct vcpu *v) {
  u32 control = some_groups();
  switch (random_below(3)) {
    case 0:
      set(GICC_PMR, some_mask());
      break;
    case 1:
      change_binary_points(v, GICC_BPR, GICC_ABPR, GICC_BPR_LEAST);
      break;
    default:
      v->eoi_mode = one_in(2);
      if (v->eoi_mode) control |= GICC_CTLR_EOIMODE;
      v->common_point = one_in(4);
      if (v->common_point) control |= GICC_CTLR_CBPR;
      set(GICC_CTLR, control | GICC_CTLR_ACKCTL);
  }
}

static void change_gicv3(struct vcpu *v) {
  switch (random_below(4)) {
    case 0:
      set(ICC_PMR_EL1, some_mask());
      break;
    case 1:
      change_binary_points(v, ICC_BPR0_EL1, ICC_BPR1_EL1, one_in(4) ? 0 : ICC_BPR0_LEAST);
      break;
    case 2: {
      const u32 groups = some_groups();
      set(ICC_IGRPEN0_EL1, groups & 1);
      set(ICC_IGRPEN1_EL1, groups >> 1);
      break;
    }
    default:
      v->eoi_mode = one_in(2);
      v->common_point = one_in(4);
      set(ICC_CTLR_EL1, (v->eoi_mode ? ICC_CTLR_EOIMODE : 0) | (v->common_point ? ICC_CTLR_CBPR : 0));
  }
}

void change_cpu_interface(struct vcpu *v) {
  if (gic_version == 2) change_gicv2(v);
  else change_gicv3(v);
}
