/*
 * Situations in which interrupts get lost or invented, each a guest of a few lines: `case=NAME` on the command line, where
 * NAME is that of a file here. It prints what stands at the top of that file, on two vCPUs with a GICv3.
 */
#include "../interrupts/device-tree.h"
#include "cases.h"

static u32 vcpu1_ready;
static void (*for_vcpu1)(void);
static u32 vcpu1_done;

void cases_distributor(void) {
  distributor_write(GICD_CTLR, ENABLE_GRP1);
  for (u32 word = 1; word < 8; word++) distributor_write(IGROUPR + word * 4, ~0u);
  for (u32 intid = 32; intid < 64; intid++) write64(DISTRIBUTOR + GICD_IROUTER + intid * 8, 0);
}

void cases_cpu_interface(u32 vcpu, u32 control) {
  write32(SGI_BASE(vcpu) - 0x10000 + 0x14, 0); /* GICR_WAKER */
  write32(SGI_BASE(vcpu) + IGROUPR, ~0u);
  write_icc(ICC_SRE_EL1, 7);
  isb();
  write_icc(ICC_PMR_EL1, 0xf8);
  write_icc(ICC_CTLR_EL1, control);
  write_icc(ICC_IGRPEN1_EL1, 1);
  isb();
  dsb();
}

void cases_enable(u32 intid) { distributor_write(ISENABLER + intid / 32 * 4, 1u << intid % 32); }

u32 cases_acknowledge(u32 milliseconds) {
  const u64 until = now() + read_register(cntfrq_el0) / 1000 * milliseconds;
  u32 intid;
  do {
    intid = (u32)read_icc(ICC_IAR1_EL1);
    dsb();
  } while (intid == SPURIOUS && now() < until);
  return intid;
}

void cases_end(u32 intid) {
  write_icc(ICC_EOIR1_EL1, intid);
  isb();
}

void cases_deactivate(u32 intid) {
  write_icc(ICC_DIR_EL1, intid);
  isb();
  dsb();
}

void secondary(u32 id) {
  (void)id;
  cases_cpu_interface(1, EOIMODE);
  shared_write(vcpu1_ready, 1);
  while (!shared_read(for_vcpu1)) yield();
  for_vcpu1();
  shared_write(vcpu1_done, 1);
}

extern char secondary_start[];

void cases_run_on_other(void (*what)(void)) {
  if (psci(PSCI_CPU_ON, 1, (u64)secondary_start, 1)) print("vCPU 1 does not start\n");
  while (!shared_read(vcpu1_ready)) yield();
  shared_write(for_vcpu1, what);
  while (!shared_read(vcpu1_done)) yield();
}

static void finish(void) {
  psci(PSCI_SYSTEM_OFF, 0, 0, 0);
  for (;;) wfi();
}

/* No interrupt is ever unmasked. */
void exception_taken(u32 syndrome, u64 link, u64 address) {
  print("exception at %x, syndrome %x, address %x\n", (u32)link, syndrome, (u32)address);
  finish();
}
void irq_taken(void) { exception_taken(0, 0, 0); }
void fiq_taken(void) { exception_taken(0, 0, 0); }

static bool is_case(const char *text, const char *name) {
  for (const char *word = "case="; *word; word++)
    if (*text++ != *word) return false;
  for (; *name; name++)
    if (*text++ != *name) return false;
  return !*text || *text == ' ';
}

void boot(const void *device_tree) {
  const char *text = device_tree_bootargs(device_tree);
  console_init();
  if (!text) text = "";
  if (is_case(text, "dir-on-another-vcpu")) dir_on_another_vcpu();
  else if (is_case(text, "distributor-off-and-on")) distributor_off_and_on();
  else if (is_case(text, "edge-to-level")) edge_to_level();
  else if (is_case(text, "eoimode1-timer")) eoimode1_timer();
  else if (is_case(text, "group-enables")) group_enables();
  else if (is_case(text, "ispendr-of-active-level")) ispendr_of_active_level();
  else print("There is no such case: %s\n", text);
  finish();
}
