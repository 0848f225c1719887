/*
 * A guest that proves an interrupt controller: it makes interrupts of every kind, in every state, on 1 to 8 vCPUs,
 * counts what was sent and what was taken, and says PASS when nothing was lost, nothing came that was not sent, and
 * every state read back was right. Its output depends on the number of vCPUs and on the command line, not on time.
 *
 * Command line: rounds=N (default 80); timeout=MS, of every wait (default 2000); show=time, at the end;
 * fault=lost-sgi, lost-spi, spurious-sgi, order, state or hang: a deliberate mistake, which must end in FAIL.
 */
#include "console.h"
#include "device-tree.h"
#include "gic.h"
#include "storm.h"

u32 rounds = 80;
enum fault fault;
static u32 show_time;

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
  static const char faults[][13] = {"", "lost-sgi", "lost-spi", "spurious-sgi", "order", "state", "hang"};
  for (; text && *text; text++) {
    if (starts_with(text, "rounds=") && number(text + 7)) rounds = number(text + 7);
    if (starts_with(text, "timeout=") && number(text + 8)) *milliseconds = number(text + 8);
    if (starts_with(text, "show=time")) show_time = 1;
    for (u32 i = FAULT_LOST_SGI; i <= FAULT_HANG; i++)
      if (starts_with(text, "fault=") && starts_with(text + 6, faults[i])) fault = i;
    while (text[1] && *text != ' ') text++;
  }
}

static const char *title;
static void print_title(struct vcpu *v) {
  (void)v;
  print("%s\n", title);
}

/* Everyone has the handler before anyone starts. */
static void phase(struct vcpu *v, const char *name, void (*run)(struct vcpu *), void (*on_interrupt)(struct vcpu *, u32)) {
  v->on_interrupt = on_interrupt;
  if (v->id == 0) title = name;
  barrier(v, print_title);
  if (!shared_read(aborted)) run(v);
}

/* With GICD_CTLR off nothing comes, and what is pending stays so. KVM forgets to look again when it comes back on,
 * until something more is written about the interrupt: hence the second write, which changes nothing elsewhere. */
static void distributor_off(struct vcpu *v) {
  const u32 spi = SPI_SOFTWARE;
  const u32 before = spi_total_taken(spi);
  gic_distributor_enable(false);
  spi_send(v, spi);
  pause(10000);
  expect(v, "an SPI was taken with the distributor off", spi, before, spi_total_taken(spi));
  expect(v, "pending state with the distributor off", spi, 1, gic_pending(v, spi));
  irq_off();
  gic_distributor_enable(true);
  gic_set_pending(v, spi);
  irq_on();
  spin_until(v, spi_total_taken(spi) == before + 1, "an SPI was not taken when the distributor was on again", spi);
}

static void phase_distributor(struct vcpu *v) { barrier(v, distributor_off); }

/* Before the others can send it anything, for the boot vCPU. */
static void init(struct vcpu *v) {
  write_register(tpidr_el1, v);
  v->random = 0x9e3779b9 * (v->id + 1);
  v->on_interrupt = unexpected_interrupt;
  gic_init_vcpu(v);
  v->watchdog = PPI_PHYSICAL_TIMER;
  irq_on();
  fiq_on();
  shared_write(v->online, 1);
}

static void run_phases(struct vcpu *v) {
  if (fault == FAULT_HANG && v->id == vcpu_count - 1) spin_until(v, false, "a deliberate hang", 0);

  phase(v, "PPI: virtual timer", phase_virtual_timer, timer_interrupt);
  phase(v, "PPI: physical timer", phase_physical_timer, timer_interrupt);
  phase(v, "PPI: pending by software", phase_software_ppi, software_ppi_interrupt);
  phase(v, "SGI: all pairs, and broadcast", phase_sgi, unexpected_interrupt);
  phase(v, "SPI: the UART, from vCPU to vCPU", phase_uart, uart_interrupt);
  phase(v, "SPI: pending, active, both", phase_spi_states, spi_interrupt);
  phase(v, "SPI: enable, priority, preemption, deactivation, routing", phase_spi_control, spi_interrupt);
  phase(v, "SPI: more pending than list registers", phase_many_pending, spi_interrupt);
  phase(v, "SPI: group 0, as FIQ", phase_group0, spi_interrupt);
  phase(v, "SPI: distributor off and on", phase_distributor, spi_interrupt);
  phase(v, "plateau", phase_plateau, plateau_interrupt);
  barrier(v, storm_prepare);
  if (v->id != 0) storm_prepare(v);
  phase(v, "storm", phase_storm, storm_interrupt);
  barrier(v, storm_check);
  if (v->id == 0)
    for (u32 i = 1; i < vcpu_count; i++) spin_until(v, sgi_idle(v, i), "the last broadcast was not taken", SGI_REQUEST);
}

void secondary(u32 id) {
  init(&vcpus[id]);
  run_phases(&vcpus[id]);
}

extern char secondary_start[];

static void start_others(struct vcpu *v) {
  for (u32 i = 1; i < vcpu_count; i++) {
    const int result = psci(PSCI_CPU_ON, vcpus[i].mpidr, (u64)secondary_start, i);
    expect(v, "result of PSCI CPU_ON", i, 0, result);
    if (result == 0) spin_until(v, shared_read(vcpus[i].online), "a vCPU did not start", i);
  }
}

void boot(const void *device_tree) {
  struct vcpu *v = &vcpus[0];
  u32 milliseconds = 2000;
  const u64 start = now();
  write_register(tpidr_el1, v);
  console_init();
  read_command_line(device_tree_bootargs(device_tree), &milliseconds);
  const u64 frequency = read_register(cntfrq_el0);
  timeout = (frequency ? frequency : 62500000) / 1000 * milliseconds;
  vcpu_count = gic_find_redistributors();
  print("interrupts: GICv3, vCPUs %u, rounds %u\n", vcpu_count, rounds);
  gic_init_distributor();
  init(v);
  start_others(v);
  if (!shared_read(aborted)) run_phases(v);
  irq_off();
  report_all();
  if (show_time) print("ticks %u\n", (u32)(now() - start));
  psci(PSCI_SYSTEM_OFF, 0, 0, 0);
}
