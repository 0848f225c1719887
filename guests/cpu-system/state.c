/* PSTATE, stack pointers, exception return, the exclusive monitor. */
#include "cpu-system.h"

SNIPPET(nothing_at_all, "nop");
SNIPPET(select_sp0, "mov x5, sp; msr spsel, #0; mov x0, sp; mrs x1, spsel; msr spsel, #1; mov sp, x5");
SNIPPET(sp_el0_at_el1t, "mrs x0, sp_el0");
SNIPPET(flags_to_spsr, "mov x5, #0x60000000; msr nzcv, x5; svc #1");
SNIPPET(daif_bits,
        "msr daifclr, #15; mrs x0, daif; msr daifset, #10; mrs x1, daif; orr x0, x0, x1; msr daifset, #15; mrs x1, daif; "
        "orr x0, x0, x1, lsl #16");
SNIPPET(daif_whole, "msr daif, xzr; mrs x0, daif; mov x1, #0x3c0; msr daif, x1; mrs x1, daif; orr x0, x0, x1, lsl #16");
SNIPPET(exclusive, "mov x1, #7; ldxr x2, [x0]; stxr w3, x1, [x0]; mov w0, w3");
SNIPPET(exclusive_over_exception, "mov x1, #7; ldxr x2, [x0]; svc #0xff; stxr w3, x1, [x0]; mov w0, w3");
SNIPPET(exclusive_cleared, "mov x1, #7; ldxr x2, [x0]; clrex; stxr w3, x1, [x0]; mov w0, w3");
SNIPPET(exclusive_twice, "mov x1, #7; ldxr x2, [x0]; stxr w3, x1, [x0]; stxr w4, x1, [x0]; orr w0, w3, w4, lsl #4");
SNIPPET(current_el, "mrs x0, currentel");
SNIPPET(saved_registers, "mov x0, #0x1111; msr elr_el1, x0; msr spsr_el1, x0; mrs x0, elr_el1; mrs x1, spsr_el1; "
                         "orr x0, x0, x1, lsl #16");

static u64 cell __attribute__((aligned(64)));

#define KEEPS(reg, value)            \
  do {                               \
    u64 before_ = READ(reg);         \
    WRITE(reg, value);               \
    line(#reg, READ(reg));           \
    WRITE(reg, before_);             \
  } while (0)

void state(void) {
  heading("registers that keep what is written");
  KEEPS(tpidr_el0, 0x0123456789abcdeful);
  KEEPS(tpidrro_el0, 0x0123456789abcdeful);
  KEEPS(tpidr_el1, 0x0123456789abcdeful);
  KEEPS(contextidr_el1, 0x89abcdeful);
  KEEPS(mair_el1, 0x0123456789abcdeful);
  KEEPS(vbar_el1, 0xffff000012345800ul);
  KEEPS(far_el1, 0x0123456789abcdeful);
  KEEPS(esr_el1, 0x5600abcdul);
  KEEPS(elr_el1, 0x0123456789abcdecul);
  KEEPS(spsr_el1, 0x600003c5ul);
  KEEPS(sp_el0, 0x0123456789abcde0ul);
  KEEPS(cntkctl_el1, 0x303ul);
  KEEPS(cpacr_el1, 0);
  KEEPS(par_el1, 0x80ful);
  KEEPS(ttbr1_el1, 0x0042000040001000ul);
  KEEPS(csselr_el1, 1);

  heading("PSTATE and stack pointers");
  at_el1("CurrentEL", current_el, 0, 0, 0);
  WRITE(sp_el0, 0x1230);
  at_el1("MSR SPSel, #0 selects SP_EL0", select_sp0, 0, 0, 0);
  at_el1("DAIFClr and DAIFSet", daif_bits, 0, 0, 0);
  at_el1("MSR DAIF", daif_whole, 0, 0, 0);
  probe(flags_to_spsr, 0, 0, 0);
  line("flags in SPSR", outcome.spsr >> 28);
  at_el1("ELR and SPSR keep what is written", saved_registers, 0, 0, 0);

  heading("exception return");
  returning_to("to EL0t", nothing_at_all, EL0t);
  returning_to("to EL1t", nothing_at_all, EL1t);
  returning_to("to EL1h", nothing_at_all, EL1h);
  returning_to("to EL1t, MRS SP_EL0", sp_el0_at_el1t, EL1t);
  returning_to("to EL1h with DAIF 0xa", nothing_at_all, EL1h | 0xa << 6);
  returning_to("to EL2h: illegal", nothing_at_all, 9);
  returning_to("to EL3h: illegal", nothing_at_all, 13);
  returning_to("to EL0 with SPx: illegal", nothing_at_all, 1);
  returning_to("to mode 6: illegal", nothing_at_all, 6);
  returning_to("with IL set", nothing_at_all, EL1h | 1 << 20);
  returning_to("to EL0 with IL set", nothing_at_all, EL0t | 1 << 20);

  heading("exclusive monitor");
  at_el1("store after load", exclusive, (u64)&cell, 0, 0);
  at_el1("store after load and an exception return between", exclusive_over_exception, (u64)&cell, 0, 0);
  at_el1("store after load and CLREX", exclusive_cleared, (u64)&cell, 0, 0);
  at_el1("second store", exclusive_twice, (u64)&cell, 0, 0);
}
