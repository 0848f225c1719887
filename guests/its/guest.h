/* What every part of the guest shares: vCPUs and their counts, the events and the LPIs they lead to, waiting, errors. */
#ifndef GUEST_H
#define GUEST_H

#include "../interrupts/arm.h"
#include "../interrupts/board.h"
#include "../interrupts/console.h"

#define MAX_CHANNELS 8  /* requesters, each with a DeviceID */
#define VECTORS 32      /* events of each */
#define FEW 8           /* events that a phase uses which does not need all */
#define LPI_FIRST 8192
#define LPI_OTHER 256   /* LPI n + LPI_OTHER: where DISCARD and MAPTI lead the event of LPI n for a while */
#define LPIS 512
#define lpi_of(channel, vector) ((channel) * VECTORS + (vector))
#define intid_of(lpi) (LPI_FIRST + (lpi))

#define ERROR_SIZE 4
#define LOG_SIZE 64

struct error {
  const char *what;
  u32 intid, expected, found;
};

/** Only the vCPU itself writes here; the others read. */
struct vcpu {
  u32 id;
  u32 online;
  u64 mpidr;
  u64 redistributor; /* RD_base */
  u32 number;        /* GICR_TYPER.Processor_Number: its name in ITS commands */
  u32 group_mask;    /* the part of a priority that preempts, from ICC_BPR1_EL1 */
  u32 random;
  u32 nesting; /* handlers linger with interrupts on */
  u64 deadline;

  u32 sent[LPIS];  /* by this vCPU, each to be taken once */
  u32 taken[LPIS]; /* on this vCPU */
  u32 dropped[MAX_CHANNELS]; /* sent to nowhere, on purpose */
  u32 merged[MAX_CHANNELS];  /* sent while pending or cleared, on purpose: delivered, but not taken */
  u32 spurious, unexpected, wrong, timeouts;
  struct error errors[ERROR_SIZE];
  u32 error_count;

  u32 log[LOG_SIZE]; /* LPIs in the order in which they were taken, while logging */
  u32 log_length;
  u32 logging;
  u32 barriers;
} __attribute__((aligned(64)));

extern struct vcpu vcpus[MAX_VCPUS];
extern u32 vcpu_count, channel_count;
extern u32 rounds;
extern u64 timeout;
extern u32 aborted;
extern u32 by_device; /* the test device sends MSIs; else INT commands do */
extern u32 has_device;
extern u32 allowed[LPIS];  /* vCPUs that may take it, a bit each: made less only while it is idle */
extern u32 home[LPIS];     /* the vCPU whose collection the event is in */
extern u32 priority[LPIS]; /* as the configuration table has it */

/** A deliberate mistake, asked for by `fault=` on the command line. */
enum fault { FAULT_NONE, FAULT_LOST, FAULT_SPURIOUS, FAULT_TARGET, FAULT_PRIORITY, FAULT_HANG };
extern enum fault fault;

static inline struct vcpu *self(void) { return (struct vcpu *)read_register(tpidr_el1); }
/** Each channel is one vCPU's to send with; a vCPU may have several. */
#define each_own_channel(v, c) (u32 c = (v)->id; c < channel_count; c += vcpu_count)

/* report.c */
void report_error(struct vcpu *v, u32 *counter, const char *what, u32 intid, u32 expected, u32 found);
static inline void expect(struct vcpu *v, const char *what, u32 intid, u32 expected, u32 found) {
  if (expected != found) report_error(v, &v->wrong, what, intid, expected, found);
}
u32 sent_total(u32 lpi);
u32 taken_total(u32 lpi);
/** Accounts for what was sent since the last account; while nothing is under way. */
void account(const char *kind);
bool report_all(void);

/* wait.c */
void timer_tick(u64 deadline);
void timer_off(void);
void timer_taken(struct vcpu *v);
void wait_failed(struct vcpu *v, const char *what, u32 intid);
void pause(u32 nanoseconds);
u32 random_below(struct vcpu *v, u32 bound);
void barrier(struct vcpu *v, void (*alone)(struct vcpu *));
/** Runs something on each vCPU in turn, with the others at a barrier. */
void in_turn(struct vcpu *v, void (*run)(struct vcpu *));

#define TICK_NANOSECONDS 20000

/** Waits in WFI, looking again after each interrupt and each tick of a timer. At most `timeout`. */
#define sleep_until(v, condition, what, intid)                                 \
  ({                                                                           \
    bool holds_;                                                               \
    const u64 until_ = now() + timeout;                                        \
    for (;;) {                                                                 \
      irq_off();                                                               \
      holds_ = (condition);                                                    \
      if (holds_ || now() >= until_ || shared_read(aborted)) break;            \
      timer_tick(until_);                                                      \
      wfi();                                                                   \
      irq_on();                                                                \
    }                                                                          \
    timer_off();                                                               \
    irq_on();                                                                  \
    if (!holds_) wait_failed(v, what, intid);                                  \
    holds_;                                                                    \
  })

/** The same without sleeping: also good with interrupts masked. */
#define spin_until(v, condition, what, intid)                                  \
  ({                                                                           \
    bool holds_ = false;                                                       \
    const u64 until_ = now() + timeout;                                        \
    while (!(holds_ = (condition)) && now() < until_ && !shared_read(aborted)) \
      yield();                                                                 \
    if (!holds_) wait_failed(v, what, intid);                                  \
    holds_;                                                                    \
  })

/* send.c: one MSI of a channel, by the device or by INT */
void map_all(struct vcpu *v);
void move(struct vcpu *v, u32 channel, u32 vector, u32 target);
/** Counted: it must be taken. */
void send(struct vcpu *v, u32 channel, u32 vector);
/** Not counted. */
void send_uncounted(u32 channel, u32 vector);
bool lpi_idle(u32 lpi);
void wait_taken(struct vcpu *v, u32 lpi, const char *what);
void send_and_wait(struct vcpu *v, u32 channel, u32 vector, const char *what);
/** Nothing comes of it, though there is time. */
void expect_quiet(struct vcpu *v, u32 lpi, const char *what);

/* The phases; each is run by all vCPUs at once. */
void phase_direct(struct vcpu *v);
void phase_int(struct vcpu *v);
void phase_move(struct vcpu *v);
void phase_move_pending(struct vcpu *v);
void phase_configuration(struct vcpu *v);
void phase_priority(struct vcpu *v);
void phase_many_pending(struct vcpu *v);
void phase_merge(struct vcpu *v);
void phase_clear(struct vcpu *v);
void phase_discard(struct vcpu *v);
void phase_unmap_device(struct vcpu *v);
void phase_move_all(struct vcpu *v);
void phase_enable_lpis(struct vcpu *v);
void phase_its_disabled(struct vcpu *v);
void phase_indirect(struct vcpu *v);
void phase_burst(struct vcpu *v);

#endif
