/* What the parts of the guest share: the vCPUs, who does the next operation, and the lot that decides what it is. */
#ifndef GUEST_H
#define GUEST_H

#include "../interrupts/arm.h"
#include "../interrupts/board.h"

#define STACK_SIZE 64
#define DROPPED_SIZE 256

/** An interrupt that was acknowledged: what IAR gave, and by which. */
struct taken {
  u32 value;
  u32 group;
};

struct vcpu {
  u32 id;
  u32 online;
  u64 mpidr;
  /* Acknowledged and their priority not dropped, the last one on top. */
  struct taken stack[STACK_SIZE];
  u32 depth;
  u32 common_point; /* CBPR: group 0's binary point is both groups' */
  u32 eoi_mode; /* an end drops the priority, and DIR deactivates */
} __attribute__((aligned(64)));

/** With EOImode 1: the priority was dropped, and it is still active. Whose SPI it is no longer matters. */
struct dropped {
  u32 value;
  u32 vcpu;
};

extern struct vcpu vcpus[MAX_VCPUS];
extern u32 vcpu_count;
extern struct dropped dropped[DROPPED_SIZE];
extern u32 dropped_count;

/** What the guest does not do, by `avoid=` on the command line: machines differ in it, and one of them at least is wrong. */
enum avoidable {
  ONE_GROUP_ENABLED,      /* of the two, in the distributor or a CPU interface */
  GROUP0_SGI_BY_SGI1R,    /* ICC_SGI1R_EL1 of an SGI that may be in group 0 at its target */
  PPI_PENDING_BITS,       /* GICD_ISPENDR0 and GICD_ICPENDR0 of a GICv2 */
  BINARY_POINTS_APART,    /* of the two groups, or of now and of the acknowledge */
  GROUP_IN_FLIGHT,        /* GICD_IGROUPR while an interrupt is acknowledged and not ended */
  SGI_DISABLED,           /* GICD_ICENABLER0 of an SGI */
  TARGET_IN_USE,          /* GICD_ITARGETSR of what is pending or active, or to no CPU */
  SEVERAL_TARGETS,        /* in GICD_ITARGETSR */
  ACTIVE_ELSEWHERE,       /* GICC_DIR where it was not acknowledged, GICD_ISACTIVER of an SPI */
  AVOIDABLES,
};
extern bool avoid[AVOIDABLES];

/* random.c: each operation has a generator of its own, so that to leave one out changes no other. */
/** A number drawn for a number, always the same. */
u32 lot(u32 seed, u32 number);
/** The rest is for the vCPU alone that has its turn. */
void random_begin(u32 seed);
u32 random_word(void);
u32 random_below(u32 limit);
static inline bool one_in(u32 times) { return random_below(times) == 0; }
#define random_of(list) ((list)[random_below(sizeof(list) / sizeof((list)[0]))])

/* operations.c; all by the vCPU that has its turn. */
/** Brings the vCPU's own part of the GIC, and vCPU 0 the distributor, to a state in which interrupts come. */
void set_up(struct vcpu *v);
void random_operation(struct vcpu *v);
/** Reads all that there is. */
void read_everything(struct vcpu *v);

/* cpu-interface.c */
void set_up_cpu_interface(void);
/** Lets interrupts of any priority and of both groups through. */
void open_cpu_interface(void);
/** What tells whether and which interrupt is signalled: after each operation. */
void observe(void);
void acknowledge(struct vcpu *v);
void end(struct vcpu *v);
void deactivate(struct vcpu *v);
void send_sgi(void);
void change_cpu_interface(struct vcpu *v);
/** Of two bits, enables for group 0 and 1. */
u32 some_groups(void);

#endif
