/* What went wrong, and the account at the end: by pair, by kind, and PASS or FAIL. */
#include "console.h"
#include "guest.h"

void report_error(struct vcpu *v, u32 *counter, const char *what, u32 intid, u32 expected, u32 found) {
  shared_write(*counter, *counter + 1);
  if (v->error_count >= ERROR_SIZE) return;
  v->errors[v->error_count++] = (struct error){what, intid, expected, found};
}

struct account {
  u32 sent, taken, lost, spurious;
};

/* Item by item, so that one lost and one too many do not cancel out; an item is a pair of vCPUs, a vCPU or an INTID. */
static void add(struct account *account, const char *item, u32 number, u32 sent, u32 taken) {
  account->sent += sent;
  account->taken += taken;
  if (sent > taken) account->lost += sent - taken;
  else account->spurious += taken - sent;
  if (sent != taken) print("error %s %u: sent %u, taken %u\n", item, number, sent, taken);
}

static bool print_account(const char *kind, struct account account) {
  print("%s sent %u taken %u lost %u spurious %u\n", kind, account.sent, account.taken, account.lost, account.spurious);
  return !account.lost && !account.spurious;
}

static bool report_sgis(void) {
  static const char items[][24] = {"SGI request from vCPU", "SGI reply from vCPU"};
  struct account total = {0};
  for (u32 from = 0; from < vcpu_count; from++) {
    print("SGI from vCPU %u", from);
    for (u32 to = 0; to < vcpu_count; to++)
      print(" to %u sent %u taken %u", to, vcpus[from].sgi_sent[to][0] + vcpus[from].sgi_sent[to][1],
            vcpus[to].sgi_taken[from][0] + vcpus[to].sgi_taken[from][1]);
    print("\n");
  }
  for (u32 from = 0; from < vcpu_count; from++)
    for (u32 to = 0; to < vcpu_count; to++)
      for (u32 reply = 0; reply < 2; reply++)
        add(&total, items[reply], from, vcpus[from].sgi_sent[to][reply], vcpus[to].sgi_taken[from][reply]);
  return print_account("SGI", total);
}

static bool report_ppi(const char *name, enum kind kind) {
  struct account total = {0};
  for (u32 i = 0; i < vcpu_count; i++) add(&total, "PPI of vCPU", i, vcpus[i].sent[kind], vcpus[i].taken[kind]);
  return print_account(name, total);
}

static bool report_uart(void) {
  struct account total = {0};
  u32 sent = 0, taken = 0;
  for (u32 i = 0; i < vcpu_count; i++) {
    sent += vcpus[i].sent[UART_SPI];
    taken += vcpus[i].taken[UART_SPI];
  }
  add(&total, "SPI", SPI_UART, sent, taken);
  return print_account("SPI UART", total);
}

static bool report_spis(const char *name, u32 first, u32 end) {
  struct account total = {0};
  for (u32 spi = first; spi < end; spi++) {
    u32 sent = 0, taken = 0;
    for (u32 i = 0; i < vcpu_count; i++) {
      sent += vcpus[i].spi_sent[spi - SPI_FIRST];
      taken += vcpus[i].spi_taken[spi - SPI_FIRST];
    }
    add(&total, "SPI", spi, sent, taken);
  }
  return print_account(name, total);
}

/* The errors of all vCPUs, then why the run has failed: the first thing that was lost, else the first error. */
static bool report_errors(void) {
  u32 spurious = 0, unexpected = 0, wrong = 0, timeouts = 0;
  for (u32 i = 0; i < vcpu_count; i++) {
    spurious += vcpus[i].spurious;
    unexpected += vcpus[i].unexpected;
    wrong += vcpus[i].wrong;
    timeouts += vcpus[i].timeouts;
    for (u32 n = 0; n < vcpus[i].error_count; n++) {
      const struct error *error = &vcpus[i].errors[n];
      print("error vCPU %u: %s, INTID %u: expected %u, found %u\n", i, error->what, error->intid, error->expected, error->found);
    }
  }
  print("INTID 1023 taken %u, unexpected %u, wrong state %u, timed out %u\n", spurious, unexpected, wrong, timeouts);
  return !(spurious | unexpected | wrong | timeouts);
}

static void print_reason(void) {
  for (u32 i = 0; i < vcpu_count; i++)
    if (vcpus[i].error_count) {
      print("FAIL vCPU %u: %s, INTID %u\n", i, vcpus[i].errors[0].what, vcpus[i].errors[0].intid);
      return;
    }
  print("FAIL an account does not balance\n");
}

bool report_all(void) {
  bool good = report_sgis();
  good &= report_ppi("PPI virtual timer", VIRTUAL_TIMER);
  good &= report_ppi("PPI physical timer", PHYSICAL_TIMER);
  good &= report_ppi("PPI software", SOFTWARE_PPI);
  good &= report_uart();
  good &= report_spis("SPI software", SPI_SOFTWARE, SPI_END);
  good &= report_spis("SPI group 0", SPI_GROUP0, SPI_SOFTWARE);
  good &= report_errors();
  if (good) print("PASS\n");
  else print_reason();
  return good;
}
