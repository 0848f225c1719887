/* The kernel and its CPUs; CPUs taken offline and online again. */
#include "test.h"

/** The CPUs of a list such as 0-2,4, a bit each. */
static u64 cpus_of(const char *path) {
  char text[256];
  u64 mask = 0, first = 0, value = 0;
  bool range = false;
  if (read_text(path, text, sizeof text) < 0) fail("%s cannot be read", path);
  for (const char *at = text; *at; at++) {
    if (*at >= '0' && *at <= '9') {
      value = value * 10 + *at - '0';
      continue;
    }
    if (*at == '-') {
      first = value;
      range = true;
    } else {
      if (!range) first = value;
      for (u64 cpu = first; cpu <= value && cpu < MOST_CPUS; cpu++) mask |= 1ul << cpu;
      range = false;
    }
    value = 0;
  }
  return mask;
}

u64 online_cpus(void) {
  return cpus_of("/sys/devices/system/cpu/online");
}

/** boot[:CPUS]: the kernel's release, the CPUs that are online, and the time since its clock began. */
void test_boot(const struct arguments *arguments) {
  struct utsname name;
  u64 count = 0;
  for (u64 cpus = online_cpus(); cpus; cpus &= cpus - 1) count++;
  if (call(SYS_UNAME, (long)&name, 0, 0, 0, 0, 0) < 0) fail("uname fails");
  say("boot release=%s cpus=%u time=%t", name.release, count, now());
  const u64 wanted = number_argument(arguments, 0, count, 1, MOST_CPUS);
  if (count != wanted) fail("%u CPUs are online, not %u", count, wanted);
}

static void switch_cpu(u64 cpu, bool on) {
  char path[64];
  format_text(path, sizeof path, "/sys/devices/system/cpu/cpu%u/online", cpu);
  write_text(path, on ? "1" : "0");
}

/** cpus[:ROUNDS]: each CPU but the first is taken offline and brought back, by PSCI CPU_OFF and CPU_ON; once unless told. */
void test_cpus(const struct arguments *arguments) {
  const u64 rounds = number_argument(arguments, 0, 1, 1, 1000);
  const u64 all = online_cpus();
  for (u64 round = 0; round < rounds; round++) {
    for (u64 cpu = 1; cpu < MOST_CPUS; cpu++) {
      if (!(all >> cpu & 1)) continue;
      switch_cpu(cpu, false);
      if (online_cpus() != (all & ~(1ul << cpu))) fail("cpu %u is not the one that went offline", cpu);
      switch_cpu(cpu, true);
      if (online_cpus() != all) fail("cpu %u does not come back", cpu);
      say("cpus cpu=%u offline and online", cpu);
    }
  }
}
