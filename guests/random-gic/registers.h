/*
 * The registers that the guest reads and writes, each row once: name, frame, offset, bytes, how many, version of the GIC.
 * Sources: IHI 0048B, 4.1 (GICv2); IHI 0069H, 12.2, 12.8 and 12.10 (GICv3); DDI 0183, 3.2 (PL011); Arm ARM, D13 (timers).
 */
#ifndef REGISTERS_H
#define REGISTERS_H

#include "../interrupts/arm.h"

/** Where a register is: a redistributor's and a system register are one vCPU's. */
enum frame { GICD, GICR, SGI, GICC, UART_FRAME, V2M, SYSTEM };

#define V2 2
#define V3 3
#define BOTH 0

/* Registers of a frame: R(name, frame, offset, bytes, count, version). */
#define READABLE(R)                          \
  R(GICD_CTLR, GICD, 0x0000, 4, 1, BOTH)     \
  R(GICD_TYPER, GICD, 0x0004, 4, 1, BOTH)    \
  R(GICD_IIDR, GICD, 0x0008, 4, 1, BOTH)     \
  R(GICD_TYPER2, GICD, 0x000c, 4, 1, V3)     \
  R(GICD_STATUSR, GICD, 0x0010, 4, 1, V3)    \
  R(GICD_IGROUPR, GICD, 0x0080, 4, 8, BOTH)  \
  R(GICD_ISENABLER, GICD, 0x0100, 4, 8, BOTH) \
  R(GICD_ICENABLER, GICD, 0x0180, 4, 8, BOTH) \
  R(GICD_ISPENDR, GICD, 0x0200, 4, 8, BOTH)  \
  R(GICD_ICPENDR, GICD, 0x0280, 4, 8, BOTH)  \
  R(GICD_ISACTIVER, GICD, 0x0300, 4, 8, BOTH) \
  R(GICD_ICACTIVER, GICD, 0x0380, 4, 8, BOTH) \
  R(GICD_IPRIORITYR, GICD, 0x0400, 4, 64, BOTH) \
  R(GICD_ITARGETSR, GICD, 0x0800, 4, 64, BOTH) \
  R(GICD_ICFGR, GICD, 0x0c00, 4, 16, BOTH)   \
  R(GICD_IGRPMODR, GICD, 0x0d00, 4, 8, V3)   \
  R(GICD_NSACR, GICD, 0x0e00, 4, 16, V3)     \
  R(GICD_CPENDSGIR, GICD, 0x0f10, 4, 4, BOTH) \
  R(GICD_SPENDSGIR, GICD, 0x0f20, 4, 4, BOTH) \
  R(GICD_IROUTER, GICD, 0x6000, 8, 256, V3)  \
  R(GICD_PIDR2, GICD, 0xffe8, 4, 1, V3)      \
  R(GICR_CTLR, GICR, 0x0000, 4, 1, V3)       \
  R(GICR_IIDR, GICR, 0x0004, 4, 1, V3)       \
  R(GICR_TYPER, GICR, 0x0008, 8, 1, V3)      \
  R(GICR_STATUSR, GICR, 0x0010, 4, 1, V3)    \
  R(GICR_WAKER, GICR, 0x0014, 4, 1, V3)      \
  R(GICR_PROPBASER, GICR, 0x0070, 8, 1, V3)  \
  R(GICR_PENDBASER, GICR, 0x0078, 8, 1, V3)  \
  R(GICR_SYNCR, GICR, 0x00c0, 4, 1, V3)      \
  R(GICR_PIDR2, GICR, 0xffe8, 4, 1, V3)      \
  R(GICR_IGROUPR0, SGI, 0x0080, 4, 1, V3)    \
  R(GICR_ISENABLER0, SGI, 0x0100, 4, 1, V3)  \
  R(GICR_ICENABLER0, SGI, 0x0180, 4, 1, V3)  \
  R(GICR_ISPENDR0, SGI, 0x0200, 4, 1, V3)    \
  R(GICR_ICPENDR0, SGI, 0x0280, 4, 1, V3)    \
  R(GICR_ISACTIVER0, SGI, 0x0300, 4, 1, V3)  \
  R(GICR_ICACTIVER0, SGI, 0x0380, 4, 1, V3)  \
  R(GICR_IPRIORITYR, SGI, 0x0400, 4, 8, V3)  \
  R(GICR_ICFGR, SGI, 0x0c00, 4, 2, V3)       \
  R(GICR_IGRPMODR0, SGI, 0x0d00, 4, 1, V3)   \
  R(GICR_NSACR, SGI, 0x0e00, 4, 1, V3)       \
  R(GICC_CTLR, GICC, 0x0000, 4, 1, V2)       \
  R(GICC_PMR, GICC, 0x0004, 4, 1, V2)        \
  R(GICC_BPR, GICC, 0x0008, 4, 1, V2)        \
  R(GICC_RPR, GICC, 0x0014, 4, 1, V2)        \
  R(GICC_HPPIR, GICC, 0x0018, 4, 1, V2)      \
  R(GICC_ABPR, GICC, 0x001c, 4, 1, V2)       \
  R(GICC_APR0, GICC, 0x00d0, 4, 1, V2)        \
  R(GICC_NSAPR0, GICC, 0x00e0, 4, 1, V2)      \
  R(GICC_IIDR, GICC, 0x00fc, 4, 1, V2)       \
  R(UARTRIS, UART_FRAME, 0x003c, 4, 1, BOTH) \
  R(UARTMIS, UART_FRAME, 0x0040, 4, 1, BOTH)

/* What a random read leaves alone: it has an effect, or there is nothing to read. */
#define OTHER(R)                             \
  R(GICD_SGIR, GICD, 0x0f00, 4, 1, V2)       \
  R(GICC_IAR, GICC, 0x000c, 4, 1, V2)        \
  R(GICC_EOIR, GICC, 0x0010, 4, 1, V2)       \
  R(GICC_DIR, GICC, 0x1000, 4, 1, V2)        \
  R(UARTDR, UART_FRAME, 0x0000, 4, 1, BOTH)  \
  R(UARTIMSC, UART_FRAME, 0x0038, 4, 1, BOTH) \
  R(UARTICR, UART_FRAME, 0x0044, 4, 1, BOTH) \
  R(MSI_SETSPI_NS, V2M, 0x0040, 4, 1, V2)

/* System registers: R(name, name for the assembler, version). */
#define SYSTEM_READABLE(R)                   \
  R(ICC_PMR_EL1, S3_0_C4_C6_0, V3)           \
  R(ICC_HPPIR0_EL1, S3_0_C12_C8_2, V3)       \
  R(ICC_BPR0_EL1, S3_0_C12_C8_3, V3)         \
  R(ICC_AP0R0_EL1, S3_0_C12_C8_4, V3)        \
  R(ICC_AP1R0_EL1, S3_0_C12_C9_0, V3)        \
  R(ICC_RPR_EL1, S3_0_C12_C11_3, V3)         \
  R(ICC_HPPIR1_EL1, S3_0_C12_C12_2, V3)      \
  R(ICC_BPR1_EL1, S3_0_C12_C12_3, V3)        \
  R(ICC_CTLR_EL1, S3_0_C12_C12_4, V3)        \
  R(ICC_SRE_EL1, S3_0_C12_C12_5, V3)         \
  R(ICC_IGRPEN0_EL1, S3_0_C12_C12_6, V3)     \
  R(ICC_IGRPEN1_EL1, S3_0_C12_C12_7, V3)     \
  R(ISR_EL1, S3_0_C12_C1_0, BOTH)            \
  R(CNTP_CTL_EL0, S3_3_C14_C2_1, BOTH)       \
  R(CNTP_CVAL_EL0, S3_3_C14_C2_2, BOTH)      \
  R(CNTV_CTL_EL0, S3_3_C14_C3_1, BOTH)       \
  R(CNTV_CVAL_EL0, S3_3_C14_C3_2, BOTH)
#define SYSTEM_OTHER(R)                      \
  R(ICC_IAR0_EL1, S3_0_C12_C8_0, V3)         \
  R(ICC_EOIR0_EL1, S3_0_C12_C8_1, V3)        \
  R(ICC_DIR_EL1, S3_0_C12_C11_1, V3)         \
  R(ICC_SGI1R_EL1, S3_0_C12_C11_5, V3)       \
  R(ICC_SGI0R_EL1, S3_0_C12_C11_7, V3)       \
  R(ICC_IAR1_EL1, S3_0_C12_C12_0, V3)        \
  R(ICC_EOIR1_EL1, S3_0_C12_C12_1, V3)

#define NAME_(name, ...) name,
/** The readable registers come first: a number below READABLE_REGISTERS can be read at any time and changes nothing. */
enum register_name {
  READABLE(NAME_) SYSTEM_READABLE(NAME_) READABLE_REGISTERS,
  LAST_READABLE_ = READABLE_REGISTERS - 1,
  OTHER(NAME_) SYSTEM_OTHER(NAME_) REGISTERS
};
#undef NAME_

struct register_description {
  char name[20]; /* no pointer: it would be relocated */
  u32 offset;
  uint8_t frame, bytes, version;
  uint16_t count;
};

extern const struct register_description registers[REGISTERS];

/** Bits of a register that are not looked at, by `hide=NAME:MASK` on the command line. */
extern u64 hidden[REGISTERS];
/** 2 or 3. */
extern u32 gic_version;

/**
 * Register `index` of an array; `owner`: the vCPU whose redistributor it is in, else 0. A system register is this vCPU's.
 * Each access is told to the trace.
 */
u64 in(enum register_name name, u32 index, u32 owner);
void out(enum register_name name, u32 index, u32 owner, u64 value);
/** The same for one byte; `index` counts bytes. */
u32 in_byte(enum register_name name, u32 index, u32 owner);
void out_byte(enum register_name name, u32 index, u32 owner, u32 value);

/** A register of the CPU interface, or the only one of its name. */
static inline u64 get(enum register_name name) { return in(name, 0, 0); }
static inline void set(enum register_name name, u64 value) { out(name, 0, 0, value); }

#endif
