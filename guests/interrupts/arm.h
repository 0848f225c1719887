/* The instructions and system registers of AArch64 that C has no words for (Arm ARM DDI 0487, GIC IHI 0069 chapter 12). */
#ifndef ARM_H
#define ARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint32_t u32;
typedef uint64_t u64;

#define read_register(name) ({ u64 value_; __asm__ volatile("mrs %0, " #name : "=r"(value_) : : "memory"); value_; })
#define write_register(name, value) __asm__ volatile("msr " #name ", %0" : : "r"((u64)(value)) : "memory")

/* GIC CPU interface, by encoding because older assemblers lack the names. */
#define ICC_PMR_EL1 S3_0_C4_C6_0
#define ICC_IAR0_EL1 S3_0_C12_C8_0
#define ICC_EOIR0_EL1 S3_0_C12_C8_1
#define ICC_BPR0_EL1 S3_0_C12_C8_3
#define ICC_DIR_EL1 S3_0_C12_C11_1
#define ICC_RPR_EL1 S3_0_C12_C11_3
#define ICC_SGI1R_EL1 S3_0_C12_C11_5
#define ICC_IAR1_EL1 S3_0_C12_C12_0
#define ICC_EOIR1_EL1 S3_0_C12_C12_1
#define ICC_HPPIR1_EL1 S3_0_C12_C12_2
#define ICC_BPR1_EL1 S3_0_C12_C12_3
#define ICC_CTLR_EL1 S3_0_C12_C12_4
#define ICC_SRE_EL1 S3_0_C12_C12_5
#define ICC_IGRPEN0_EL1 S3_0_C12_C12_6
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7
#define read_icc(name) read_icc_(name)
#define read_icc_(name) read_register(name)
#define write_icc(name, value) write_icc_(name, value)
#define write_icc_(name, value) write_register(name, value)

static inline void isb(void) { __asm__ volatile("isb" : : : "memory"); }
static inline void dsb(void) { __asm__ volatile("dsb sy" : : : "memory"); }
static inline void wfi(void) { __asm__ volatile("wfi" : : : "memory"); }
static inline void yield(void) { __asm__ volatile("yield" : : : "memory"); }
static inline void irq_on(void) { __asm__ volatile("msr daifclr, #2\n\tisb" : : : "memory"); }
static inline void irq_off(void) { __asm__ volatile("msr daifset, #2" : : : "memory"); }
static inline void fiq_on(void) { __asm__ volatile("msr daifclr, #1\n\tisb" : : : "memory"); }

/** Ticks of the virtual counter, at CNTFRQ_EL0. */
static inline u64 now(void) {
  isb();
  return read_register(cntvct_el0);
}

static inline u32 read32(u64 address) {
  u32 value;
  __asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
  return value;
}
static inline u64 read64(u64 address) {
  u64 value;
  __asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(address) : "memory");
  return value;
}
static inline u32 read8(u64 address) {
  u32 value;
  __asm__ volatile("ldrb %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
  return value;
}
static inline void write8(u64 address, u32 value) { __asm__ volatile("strb %w0, [%1]" : : "r"(value), "r"(address) : "memory"); }
static inline void write32(u64 address, u32 value) { __asm__ volatile("str %w0, [%1]" : : "r"(value), "r"(address) : "memory"); }
static inline void write64(u64 address, u64 value) { __asm__ volatile("str %0, [%1]" : : "r"(value), "r"(address) : "memory"); }

/** A word that another vCPU, or a handler on this one, writes. */
#define shared_read(word) __atomic_load_n(&(word), __ATOMIC_ACQUIRE)
#define shared_write(word, value) __atomic_store_n(&(word), (value), __ATOMIC_RELEASE)
/** One more in a word that only this vCPU writes, and only at one interrupt priority. */
#define shared_count(word) shared_write(word, (word) + 1)

#define PSCI_CPU_ON 0xc4000003 /* PSCI, DEN0022, 5.1 */
#define PSCI_SYSTEM_OFF 0x84000008
static inline int psci(u64 function, u64 first, u64 second, u64 third) {
  register u64 x0 __asm__("x0") = function;
  register u64 x1 __asm__("x1") = first;
  register u64 x2 __asm__("x2") = second;
  register u64 x3 __asm__("x3") = third;
  /* SMCCC 1.0 lets the callee change x4 to x17. */
  __asm__ volatile("hvc #0"
                   : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
                   :
                   : "memory", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17");
  return (int)x0;
}

#endif
