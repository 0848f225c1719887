/* What every part of the guest shares: a vCPU and its counts, waiting, and the names of things that went wrong. */
#ifndef GUEST_H
#define GUEST_H

#include "arm.h"
#include "board.h"

/** The kinds of interrupt that are counted. SGIs are counted by pair instead. */
enum kind { VIRTUAL_TIMER, PHYSICAL_TIMER, SOFTWARE_PPI, UART_SPI, KINDS };

#define LOG_SIZE 64
#define ERROR_SIZE 4

struct error {
  const char *what;
  u32 intid, expected, found;
};

/** Only the vCPU itself writes here; the others read. */
struct vcpu {
  u32 id;
  u32 online;
  u64 mpidr;         /* affinity, as in GICR_TYPER */
  u64 redistributor; /* RD_base; SGI_base is 64 KiB above */

  /* What it does with an interrupt that is not an SGI; ends it with gic_end. */
  void (*on_interrupt)(struct vcpu *self, u32 intid);
  /* What it does inside the handler of an SPI, before it ends it. True: it has ended it already. */
  bool (*on_spi)(struct vcpu *self, u32 intid);
  u32 check_sgi_state; /* look at ISPENDR and ISACTIVER at every SGI */

  u32 priority[32]; /* of its SGIs and PPIs */
  u32 group_mask;   /* the part of a priority that preempts, from ICC_BPR1_EL1 */
  u32 eoi_mode;     /* ICC_CTLR_EL1.EOImode */
  u32 watchdog;     /* INTID of the timer that ends a wait, while one is under way */
  u64 deadline;
  u32 random;

  u32 sgi_sent[MAX_VCPUS][2];  /* to a vCPU: requests, replies */
  u32 sgi_taken[MAX_VCPUS][2]; /* from a vCPU */
  u32 wants_reply[MAX_VCPUS];  /* the request under way to a vCPU is to be answered */
  u32 replies_due[MAX_VCPUS];
  u32 sent[KINDS], taken[KINDS];
  u32 spi_sent[SPI_COUNT], spi_taken[SPI_COUNT];
  u32 spurious;   /* INTID 1023 from ICC_IAR1_EL1 or ICC_IAR0_EL1 */
  u32 unexpected; /* an INTID that nobody sent, or on the wrong vCPU */
  u32 wrong;      /* a state, priority or order that is not as it must be */
  u32 timeouts;

  u32 log[LOG_SIZE]; /* INTIDs in the order in which they were taken, SGIs left out */
  u32 log_length;
  struct error errors[ERROR_SIZE]; /* the first ones */
  u32 error_count;

  u32 barriers; /* at which it has arrived; the boot vCPU: which it has opened */
  u32 ticks;    /* timer interrupts still to come */
} __attribute__((aligned(64)));

extern struct vcpu vcpus[MAX_VCPUS];
extern u32 vcpu_count;
extern u32 spi_target[SPI_END]; /* the vCPU that must take it: written before the interrupt is made pending */
extern u32 spi_priority[SPI_END];
extern u32 rounds;
extern u64 timeout; /* of every wait, in ticks */
extern u32 aborted; /* a wait timed out: the run is over */

/** A deliberate mistake, asked for by `fault=` on the command line: the negative controls of the guest. */
enum fault { FAULT_NONE, FAULT_LOST_SGI, FAULT_LOST_SPI, FAULT_SPURIOUS_SGI, FAULT_ORDER, FAULT_STATE, FAULT_HANG };
extern enum fault fault;

static inline struct vcpu *self(void) { return (struct vcpu *)read_register(tpidr_el1); }

/* report.c */
void report_error(struct vcpu *v, u32 *counter, const char *what, u32 intid, u32 expected, u32 found);
bool report_all(void);
/** Reports a wrong state when the two differ. */
static inline void expect(struct vcpu *v, const char *what, u32 intid, u32 expected, u32 found) {
  if (expected != found) report_error(v, &v->wrong, what, intid, expected, found);
}

/* wait.c */
void wait_begin(struct vcpu *v);
bool wait_over(struct vcpu *v);
void wait_end(struct vcpu *v, bool arrived, const char *what, u32 intid);
void wait_failed(struct vcpu *v, const char *what, u32 intid);
void watchdog_taken(struct vcpu *v, u32 intid);
void pause(u32 nanoseconds);
u32 random_below(struct vcpu *v, u32 bound);

/**
 * Waits in WFI until the condition holds; something that interrupts this vCPU must make it hold.
 * At most `timeout`; then what was waited for is reported as lost, and the value is false.
 */
#define sleep_until(v, condition, what, intid)      \
  ({                                                \
    bool holds_;                                    \
    wait_begin(v);                                  \
    for (;;) {                                      \
      irq_off();                                    \
      holds_ = (condition);                         \
      if (holds_ || wait_over(v)) break;            \
      if (v->watchdog) wfi();                       \
      else yield();                                 \
      irq_on();                                     \
    }                                               \
    irq_on();                                       \
    wait_end(v, holds_, what, intid);               \
    holds_;                                         \
  })

/** The same without sleeping and without a timer: also good inside a handler. */
#define spin_until(v, condition, what, intid)                                  \
  ({                                                                           \
    bool holds_ = false;                                                       \
    const u64 until_ = now() + timeout;                                        \
    while (!(holds_ = (condition)) && now() < until_ && !shared_read(aborted)) \
      yield();                                                                 \
    if (!holds_) wait_failed(v, what, intid);                                  \
    holds_;                                                                    \
  })

/* sgi.c */
/** Sends a request to one vCPU, when that has taken the one before. */
void sgi_request(struct vcpu *v, u32 target, bool wants_reply);
void sgi_request_all_others(struct vcpu *v, bool wants_reply);
bool sgi_idle(struct vcpu *v, u32 target);
/** The last request that wanted a reply was taken, and its reply too. */
bool sgi_replied(struct vcpu *v, u32 target);
void sgi_wait_reply(struct vcpu *v, u32 target);
void sgi_taken(struct vcpu *v, u32 intid);
/** All vCPUs meet here. The boot vCPU runs `alone` (may be 0) when all are here and before any goes on. */
void barrier(struct vcpu *v, void (*alone)(struct vcpu *));

/* The phases; each is run by all vCPUs at once. */
void phase_sgi(struct vcpu *v);
void phase_virtual_timer(struct vcpu *v);
void phase_physical_timer(struct vcpu *v);
void phase_software_ppi(struct vcpu *v);
void phase_uart(struct vcpu *v);
void phase_spi_states(struct vcpu *v);
void phase_spi_control(struct vcpu *v);
void phase_many_pending(struct vcpu *v);
void phase_group0(struct vcpu *v);
void phase_plateau(struct vcpu *v);
void phase_storm(struct vcpu *v);

/* What a vCPU does with an interrupt, by phase (`on_interrupt`). */
void unexpected_interrupt(struct vcpu *v, u32 intid);
void timer_interrupt(struct vcpu *v, u32 intid);
void software_ppi_interrupt(struct vcpu *v, u32 intid);
void uart_interrupt(struct vcpu *v, u32 intid);
void spi_interrupt(struct vcpu *v, u32 intid);
void plateau_interrupt(struct vcpu *v, u32 intid);
void storm_interrupt(struct vcpu *v, u32 intid);

#endif
