/*
 * A guest that proves an ITS: MSIs of several devices, each event to each vCPU, moved, held back, unmapped and mapped anew
 * while they fire. It counts each LPI sent and taken, by INTID and vCPU, and says PASS when none was lost and none came
 * that was not sent.
 *
 * Command line: msi=int: INT commands instead of the test device, for boards without one; rounds=N (default 8);
 * timeout=MS, of every wait (default 2000); fault=lost, spurious, target, priority or hang: a deliberate mistake, which
 * must end in FAIL.
 */
#include "../interrupts/device-tree.h"
#include "device.h"
#include "gic.h"
#include "its.h"

u32 rounds = 8;
enum fault fault;

static bool starts_with(const char *text, const char *word) {
  while (*word)
    if (*text++ != *word++) return false;
  return true;
}

static u32 number(const char *text) {
  u32 value = 0;
  while (*text >= '0' && *text <= '9' && value < 1000000) value = value * 10 + *text++ - '0';
  return value;
}

static void read_command_line(const char *text, u32 *milliseconds) {
  static const char faults[][9] = {"", "lost", "spurious", "target", "priority", "hang"};
  has_device = 1;
  for (; text && *text; text++) {
    if (starts_with(text, "msi=int")) has_device = 0;
    if (starts_with(text, "rounds=") && number(text + 7)) rounds = number(text + 7);
    if (starts_with(text, "timeout=") && number(text + 8)) *milliseconds = number(text + 8);
    for (u32 i = FAULT_LOST; i <= FAULT_HANG; i++)
      if (starts_with(text, "fault=") && starts_with(text + 6, faults[i])) fault = i;
    while (text[1] && *text != ' ') text++;
  }
  by_device = has_device;
}

static const char *title;

static void print_title(struct vcpu *v) {
  (void)v;
  print("%s\n", title);
}

static void account_title(struct vcpu *v) {
  (void)v;
  account(title);
}

static void phase(struct vcpu *v, const char *name, void (*run)(struct vcpu *)) {
  if (v->id == 0) title = name;
  barrier(v, print_title);
  if (!shared_read(aborted)) run(v);
  barrier(v, account_title);
}

static void set_up(struct vcpu *v) {
  its_init(v);
  for (u32 i = 0; i < vcpu_count; i++) {
    its_map_collection(v, collection_of(i), i);
    its_map_collection(v, other_collection_of(i), i);
  }
  map_all(v);
}

static void print_counts(struct vcpu *v) {
  (void)v;
  for (u32 i = 0; i < vcpu_count; i++) {
    u32 taken = 0, events = 0;
    for (u32 lpi = 0; lpi < LPIS; lpi++) {
      taken += vcpus[i].taken[lpi];
      events += vcpus[i].taken[lpi] != 0;
    }
    print("vCPU %u took %u LPIs of %u events\n", i, taken, events);
  }
}

/* An event goes to another vCPU than the guest believes. */
static void mislead(struct vcpu *v) {
  if (fault == FAULT_TARGET) its_move(v, 0, 0, collection_of((home[lpi_of(0, 0)] + 1) % vcpu_count));
}

/* While nothing else is under way, so that it cannot hide behind something. */
static void miscount(struct vcpu *v) {
  if (fault == FAULT_LOST) shared_count(v->sent[lpi_of(1, 3)]);
  if (fault == FAULT_SPURIOUS) its_int(v, 2, 5);
  pause(100000);
}

static void phase_mistake(struct vcpu *v) { barrier(v, miscount); }

static void run_phases(struct vcpu *v) {
  if (fault == FAULT_HANG && v->id == vcpu_count - 1) spin_until(v, false, "a deliberate hang", 0);
  barrier(v, set_up);
  barrier(v, mislead);
  phase(v, "each event to its vCPU", phase_direct);
  barrier(v, print_counts);
  if (has_device) phase(v, "INT commands", phase_int);
  phase(v, "MOVI", phase_move);
  phase(v, "MOVI of what is pending", phase_move_pending);
  phase(v, "configuration table, INV, INVALL", phase_configuration);
  phase(v, "priorities", phase_priority);
  phase(v, "more pending than list registers", phase_many_pending);
  phase(v, "merged while pending", phase_merge);
  phase(v, "CLEAR", phase_clear);
  phase(v, "DISCARD, MAPTI", phase_discard);
  phase(v, "MAPD", phase_unmap_device);
  phase(v, "MOVALL", phase_move_all);
  phase(v, "EnableLPIs, pending table", phase_enable_lpis);
  phase(v, "ITS disabled", phase_its_disabled);
  if (has_device) phase(v, "bursts", phase_burst);
  phase(v, "indirect device table", phase_indirect);
  if (has_device) phase(v, "bursts again", phase_burst);
  if (fault == FAULT_LOST || fault == FAULT_SPURIOUS) phase(v, "a deliberate mistake", phase_mistake);
}

/* Before the others can send it anything, for the boot vCPU. */
static void init(struct vcpu *v) {
  write_register(tpidr_el1, v);
  v->random = 0x9e3779b9 * (v->id + 1);
  gic_init_vcpu(v);
  irq_on();
  shared_write(v->online, 1);
}

void secondary(u32 id) {
  init(&vcpus[id]);
  run_phases(&vcpus[id]);
}

extern char secondary_start[];

void boot(const void *device_tree) {
  struct vcpu *v = &vcpus[0];
  u32 milliseconds = 2000;
  write_register(tpidr_el1, v);
  console_init();
  read_command_line(device_tree_bootargs(device_tree), &milliseconds);
  const u64 frequency = read_register(cntfrq_el0);
  timeout = (frequency ? frequency : 62500000) / 1000 * milliseconds;
  vcpu_count = gic_find_redistributors();
  channel_count = vcpu_count > 4 ? vcpu_count : 4;
  print("its: vCPUs %u, devices %u, events %u, rounds %u, MSIs by %s\n", vcpu_count, channel_count, channel_count * VECTORS,
        rounds, has_device ? "the device" : "INT");
  gic_init_distributor();
  init(v);
  for (u32 i = 1; i < vcpu_count; i++) {
    const int result = psci(PSCI_CPU_ON, vcpus[i].mpidr, (u64)secondary_start, i);
    expect(v, "result of PSCI CPU_ON", i, 0, result);
    if (result == 0) spin_until(v, shared_read(vcpus[i].online), "a vCPU did not start", i);
  }
  if (!shared_read(aborted)) run_phases(v);
  if (shared_read(aborted)) {
    /* What is still under way, on vCPUs that go on, is none of the failure. */
    pause(500000);
    account("of the phase that failed");
  }
  irq_off();
  report_all();
  psci(PSCI_SYSTEM_OFF, 0, 0, 0);
}
