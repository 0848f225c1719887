/* /proc/interrupts, and interrupts moved from CPU to CPU. */
#include "command-line.h"
#include "test.h"

#define PINGS 20

static char text[16 * KIBIBYTE];

static void read_interrupts(void) {
  if (read_text("/proc/interrupts", text, sizeof text) < 0) fail("/proc/interrupts cannot be read");
}

/** interrupts: the lines of /proc/interrupts. */
void test_interrupts(const struct arguments *arguments) {
  (void)arguments;
  read_interrupts();
  for (char *rest = text; rest && *rest;) say("interrupts %s", cut(&rest, '\n'));
}

/** A line of /proc/interrupts: its number, and how often each online CPU, in their order, has taken it. */
struct interrupt {
  u64 number;
  u64 counts[MOST_CPUS];
};

static const char *read_number(const char *at, u64 *value) {
  *value = 0;
  while (*at == ' ') at++;
  while (*at >= '0' && *at <= '9') *value = *value * 10 + *at++ - '0';
  return at;
}

/** The line that has that name in it, for so many CPUs. */
static struct interrupt read_interrupt(const char *name, u32 cpus) {
  struct interrupt interrupt;
  read_interrupts();
  for (char *rest = text; rest && *rest;) {
    const char *at = cut(&rest, '\n');
    if (!find(at, name)) continue;
    at = read_number(at, &interrupt.number);
    if (*at++ != ':') fail("%s is no interrupt that can be moved", name);
    for (u32 cpu = 0; cpu < cpus; cpu++) at = read_number(at, &interrupt.counts[cpu]);
    return interrupt;
  }
  fail("/proc/interrupts has no %s", name);
}

static void send_interrupt(u64 number, u64 cpu) {
  char path[64], list[24];
  format_text(path, sizeof path, "/proc/irq/%u/smp_affinity_list", number);
  format_text(list, sizeof list, "%u", cpu);
  write_text(path, list);
}

/**
 * move:NAME[:ROUNDS]: sends an interrupt of the network card to each online CPU in turn (once unless told), and pings: then
 * that CPU has taken it and no other has.
 */
void test_move(const struct arguments *arguments) {
  const char *name = arguments->text[0];
  const u64 rounds = number_argument(arguments, 1, 1, 1, 100000);
  const u64 cpus = online_cpus();
  u32 count = 0;
  if (!*name) fail("which interrupt?");
  for (u64 left = cpus; left; left &= left - 1) count++;
  for (u64 round = 0; round < rounds; round++) {
    for (u64 cpu = 0, column = 0; cpu < MOST_CPUS; cpu++) {
      if (!(cpus >> cpu & 1)) continue;
      send_interrupt(read_interrupt(name, count).number, cpu);
      const struct interrupt before = read_interrupt(name, count);
      ping_quietly(PINGS);
      const struct interrupt after = read_interrupt(name, count);
      for (u32 i = 0; i < count; i++) {
        const u64 taken = after.counts[i] - before.counts[i];
        if ((taken > 0) != (i == column)) fail("%s is for cpu %u, and column %u has %u more", name, cpu, (u64)i, taken);
      }
      say("move %s cpu=%u taken=%u", name, cpu, after.counts[column] - before.counts[column]);
      column++;
    }
  }
}
