/*
 * A guest that makes random operations on a GICv2 or GICv3 and tells what it sees: the same on every machine whose GIC does
 * what the architecture says and takes the same freedoms.
 *
 * The vCPUs do the operations one after another, each when it has its turn, with interrupts masked: nothing depends on time.
 * Command line: seed=N, operations=N; hash=N: the hash of all that was seen every N operations; text=FROM-TO: these
 * operations in words; only=N,FROM-TO,...: no others, with all as they would be; hide=NAME:MASK,...: bits of registers that
 * are taken for 0; avoid=WORD,...: what is not done.
 */
#include "../interrupts/console.h"
#include "../interrupts/device-tree.h"
#include "guest.h"
#include "registers.h"
#include "trace.h"

#define ID_AA64PFR0_GIC(value) ((value) >> 24 & 15) /* system registers of a GICv3 or later */
#define GICR_TYPER_LAST (1u << 4)
#define OPERATIONS_MAX (1u << 20)

struct vcpu vcpus[MAX_VCPUS];
u32 vcpu_count;
struct dropped dropped[DROPPED_SIZE];
u32 dropped_count;
bool avoid[AVOIDABLES];

static u32 seed, operations = 1000;
static u32 next_operation; /* whoever's it is does it, and says so here */
static bool chosen_only;
static u32 chosen[OPERATIONS_MAX / 32];

static bool starts_with(const char *text, const char *word) {
  while (*word)
    if (*text++ != *word++) return false;
  return true;
}

static u32 number(const char **text) {
  u32 value = 0;
  while (**text >= '0' && **text <= '9') value = value * 10 + *(*text)++ - '0';
  return value;
}

static u64 hex_number(const char **text) {
  u64 value = 0;
  for (;; (*text)++) {
    const char digit = **text;
    if (digit >= '0' && digit <= '9') value = value << 4 | (u32)(digit - '0');
    else if (digit >= 'a' && digit <= 'f') value = value << 4 | (u32)(digit - 'a' + 10);
    else return value;
  }
}

/* FROM-TO, or FROM alone. */
static void range(const char **text, u32 *from, u32 *to) {
  *from = number(text);
  *to = *from + 1;
  if (**text != '-') return;
  (*text)++;
  *to = number(text);
}

static void read_chosen(const char *text) {
  chosen_only = true;
  while (*text >= '0' && *text <= '9') {
    u32 from, to;
    range(&text, &from, &to);
    for (; from < to && from < OPERATIONS_MAX; from++) chosen[from / 32] |= 1u << from % 32;
    if (*text == ',') text++;
  }
}

static void read_hidden(const char *text) {
  while (*text && *text != ' ') {
    u32 found = REGISTERS;
    for (u32 name = 0; name < REGISTERS; name++) {
      const char *after = text, *word = registers[name].name;
      while (*word && *after == *word) after++, word++;
      if (!*word && *after == ':') found = name;
    }
    while (*text && *text != ' ' && *text != ':') text++;
    if (*text == ':') text++;
    const u64 mask = hex_number(&text);
    if (found < REGISTERS) hidden[found] = mask;
    else print("hide: no such register\n");
    if (*text == ',') text++;
  }
}

static void read_avoided(const char *text) {
  static const char words[AVOIDABLES][24] = {
    [ONE_GROUP_ENABLED] = "one-group-enabled",
    [GROUP0_SGI_BY_SGI1R] = "group0-sgi-by-sgi1r",
    [PPI_PENDING_BITS] = "ppi-pending-bits",
    [BINARY_POINTS_APART] = "binary-points-apart",
    [GROUP_IN_FLIGHT] = "group-in-flight",
    [SGI_DISABLED] = "sgi-disabled",
    [TARGET_IN_USE] = "target-in-use",
    [SEVERAL_TARGETS] = "several-targets",
    [ACTIVE_ELSEWHERE] = "active-elsewhere",
  };
  while (*text && *text != ' ') {
    for (u32 i = 0; i < AVOIDABLES; i++)
      if (starts_with(text, words[i])) avoid[i] = true;
    while (*text && *text != ' ' && *text != ',') text++;
    if (*text == ',') text++;
  }
}

static void read_command_line(const char *text) {
  for (; text && *text; text++) {
    const char *value = text;
    while (*value && *value != ' ' && *value != '=') value++;
    if (*value == '=') value++;
    if (starts_with(text, "seed=")) seed = number(&value);
    if (starts_with(text, "operations=")) operations = number(&value);
    if (starts_with(text, "hash=")) hash_every = number(&value);
    if (starts_with(text, "text=")) range(&value, &text_from, &text_to);
    if (starts_with(text, "only=")) read_chosen(value);
    if (starts_with(text, "hide=")) read_hidden(value);
    if (starts_with(text, "avoid=")) read_avoided(value);
    while (text[1] && *text != ' ') text++;
  }
  if (!hash_every) hash_every = operations;
}

/* Operations, as they are numbered: the setting up by each vCPU, then the random ones, then each vCPU reads everything. */
static u32 owner_of(u32 operation) {
  if (operation < vcpu_count) return operation;
  if (operation >= vcpu_count + operations) return operation - vcpu_count - operations;
  /* Some in a row by the same vCPU. */
  return lot(~seed, operation / 4) % vcpu_count;
}

static bool is_chosen(u32 operation) {
  if (!chosen_only || operation < vcpu_count || operation >= OPERATIONS_MAX) return true;
  return chosen[operation / 32] >> operation % 32 & 1;
}

static void do_operation(struct vcpu *v, u32 operation) {
  if (!is_chosen(operation)) return;
  trace_begin(operation, v->id);
  random_begin(lot(seed, operation));
  if (operation < vcpu_count) set_up(v);
  else if (operation < vcpu_count + operations) random_operation(v);
  else read_everything(v);
  trace_end();
}

static void take_turns(struct vcpu *v) {
  u32 operation;
  while ((operation = shared_read(next_operation)) < operations + 2 * vcpu_count) {
    if (owner_of(operation) == v->id) {
      do_operation(v, operation);
      shared_write(next_operation, operation + 1);
    } else {
      yield();
    }
  }
}

void secondary(u32 id) {
  shared_write(vcpus[id].online, 1);
  take_turns(&vcpus[id]);
}

static void finish(void) {
  psci(PSCI_SYSTEM_OFF, 0, 0, 0);
  for (;;) wfi();
}

/* No interrupt is ever unmasked. */
void exception_taken(u32 syndrome, u64 link, u64 address) {
  trace_print();
  print("exception at %x, syndrome %x, address %x, operation %u\n", (u32)link, syndrome, (u32)address, next_operation);
  finish();
}
void irq_taken(void) { exception_taken(0, 0, 0); }
void fiq_taken(void) { exception_taken(0, 0, 0); }

/* A GICv2 has CPUNumber; a GICv3's redistributors follow each other to the last. */
static void find_vcpus(void) {
  gic_version = ID_AA64PFR0_GIC(read_register(id_aa64pfr0_el1)) ? 3 : 2;
  if (gic_version == 2) vcpu_count = (read32(DISTRIBUTOR + 4) >> 5 & 7) + 1;
  else
    do vcpu_count++;
    while (vcpu_count < MAX_VCPUS && !(read64(REDISTRIBUTORS + (vcpu_count - 1) * 0x20000ul + 8) & GICR_TYPER_LAST));
  for (u32 i = 0; i < vcpu_count; i++) vcpus[i].id = vcpus[i].mpidr = i;
}

extern char secondary_start[];

void boot(const void *device_tree) {
  console_init();
  read_command_line(device_tree_bootargs(device_tree));
  find_vcpus();
  print("random-gic: GICv%u, vCPUs %u, seed %u, operations %u\n", gic_version, vcpu_count, seed, operations);
  console_clear_transmit();
  for (u32 i = 1; i < vcpu_count; i++) {
    if (psci(PSCI_CPU_ON, vcpus[i].mpidr, (u64)secondary_start, i)) print("vCPU %u does not start\n", i);
    while (!shared_read(vcpus[i].online)) yield();
  }
  take_turns(&vcpus[0]);
  trace_print();
  finish();
}
