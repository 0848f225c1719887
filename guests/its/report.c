/* What went wrong, and the account: LPI by LPI, kind by kind, and PASS or FAIL. */
#include "device.h"
#include "guest.h"

#define KINDS 24

struct account {
  const char *kind;
  u32 sent, taken, lost, spurious;
};

static struct account accounts[KINDS];
static u32 account_count;
/* What was sent and taken when the last account was made. */
static u32 sent_before[LPIS], taken_before[LPIS];

void report_error(struct vcpu *v, u32 *counter, const char *what, u32 intid, u32 expected, u32 found) {
  shared_write(*counter, *counter + 1);
  if (v->error_count >= ERROR_SIZE) return;
  v->errors[v->error_count++] = (struct error){what, intid, expected, found};
}

u32 sent_total(u32 lpi) {
  u32 total = 0;
  for (u32 i = 0; i < vcpu_count; i++) total += shared_read(vcpus[i].sent[lpi]);
  return total;
}

u32 taken_total(u32 lpi) {
  u32 total = 0;
  for (u32 i = 0; i < vcpu_count; i++) total += shared_read(vcpus[i].taken[lpi]);
  return total;
}

/* LPI by LPI, so that one lost and one too many do not cancel out. */
void account(const char *kind) {
  struct account *one = &accounts[account_count < KINDS - 1 ? account_count++ : KINDS - 1];
  *one = (struct account){.kind = kind};
  for (u32 lpi = 0; lpi < LPIS; lpi++) {
    const u32 sent = sent_total(lpi) - sent_before[lpi];
    const u32 taken = taken_total(lpi) - taken_before[lpi];
    sent_before[lpi] += sent;
    taken_before[lpi] += taken;
    one->sent += sent;
    one->taken += taken;
    if (sent > taken) one->lost += sent - taken;
    else one->spurious += taken - sent;
    if (sent != taken) print("error LPI %u: sent %u, taken %u\n", intid_of(lpi), sent, taken);
  }
}

static bool report_accounts(void) {
  struct account total = {.kind = "in all"};
  for (u32 i = 0; i < account_count; i++) {
    const struct account *one = &accounts[i];
    print("LPI, %s: sent %u taken %u lost %u spurious %u\n", one->kind, one->sent, one->taken, one->lost, one->spurious);
    total.sent += one->sent;
    total.taken += one->taken;
    total.lost += one->lost;
    total.spurious += one->spurious;
  }
  print("LPI sent %u taken %u lost %u spurious %u\n", total.sent, total.taken, total.lost, total.spurious);
  return !total.lost && !total.spurious;
}

/* The device's own counts: what it has sent is what was to be taken, or was meant to be dropped or to merge. */
static bool report_device(void) {
  bool good = true;
  for (u32 c = 0; has_device && c < channel_count; c++) {
    const struct vcpu *v = &vcpus[c % vcpu_count];
    u32 sent = 0, events = 0;
    for (u32 vector = 0; vector < VECTORS; vector++) {
      sent += device_sent(c, vector);
      events += device_sent(c, vector) != 0;
    }
    const u32 undelivered = device_undelivered(c);
    print("device %u sent %u MSIs of %u events, undelivered %u\n", c, sent, events, undelivered);
    if (undelivered == v->dropped[c]) continue;
    print("error device %u: undelivered %u instead of %u\n", c, undelivered, v->dropped[c]);
    good = false;
  }
  return good;
}

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
  bool good = report_accounts();
  good &= report_device();
  good &= report_errors();
  if (good) print("PASS\n");
  else print_reason();
  return good;
}
