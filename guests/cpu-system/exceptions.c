/* Exceptions that an instruction raises of itself, and the traps that SCTLR_EL1 sets for EL0. */
#include "cpu-system.h"

SNIPPET(svc, "svc #0x1234");
SNIPPET(brk, "brk #0x4321");
SNIPPET(hlt, "hlt #0x11");
SNIPPET(smc, "smc #7");
SNIPPET(undefined, "nop; .word 0");
SNIPPET(eret_instruction, "eret");
SNIPPET(hvc, "hvc #0x77");
SNIPPET(read_esr, "mrs x0, esr_el1");
SNIPPET(write_esr, "msr esr_el1, x0");
SNIPPET(write_midr, "msr s3_0_c0_c0_0, x0");
SNIPPET(read_unallocated, "mrs x0, s3_3_c0_c4_2");
SNIPPET(read_el2, "mrs x0, hcr_el2");
SNIPPET(read_el3, "mrs x0, scr_el3");
SNIPPET(read_sp_el0, "mrs x0, sp_el0");
SNIPPET(unallocated_sys, "sys #3, c7, c15, #7, x0");
SNIPPET(branch, "br x0");
SNIPPET(call, "mov x19, x30; blr x0; mov x30, x19");
SNIPPET(load_exclusive, "ldxr x1, [x0]");
SNIPPET(load_exclusive_pair, "ldxp x1, x2, [x0]");
SNIPPET(load_acquire, "ldar x1, [x0]");
SNIPPET(store_release, "stlr x1, [x0]");
SNIPPET(load_word, "ldr w1, [x0]");
SNIPPET(load_byte, "ldrb w1, [x0]");
SNIPPET(load_pair, "ldp x1, x2, [x0]");
SNIPPET(store_word, "str w1, [x0]");
SNIPPET(store_post, "str x1, [x0], #16");
SNIPPET(read_ctr, "mrs x5, ctr_el0; mov x0, #1");
SNIPPET(read_dczid, "mrs x5, dczid_el0; mov x0, #1");
SNIPPET(zero_block, "dc zva, x0");
SNIPPET(clean_block, "dc cvac, x0");
SNIPPET(invalidate_code, "ic ivau, x0");
SNIPPET(mask_interrupts, "msr daifset, #3");
SNIPPET(unmask_interrupts, "msr daifclr, #2");
SNIPPET(read_daif, "mrs x0, daif");
SNIPPET(write_daif, "msr daif, x0");
SNIPPET(wait, "wfi");
SNIPPET(read_count, "mrs x5, cntvct_el0; mov x0, #1");
SNIPPET(read_physical_count, "mrs x5, cntpct_el0; mov x0, #1");
SNIPPET(read_frequency, "mrs x0, cntfrq_el0");
SNIPPET(read_timer, "mrs x0, cntv_ctl_el0");
SNIPPET(write_timer, "msr cntv_cval_el0, x0");
SNIPPET(read_physical_timer, "mrs x0, cntp_ctl_el0");
SNIPPET(write_thread, "msr tpidr_el0, x0; mrs x0, tpidr_el0");
SNIPPET(write_read_only_thread, "msr tpidrro_el0, x0");
SNIPPET(select_sp, "msr spsel, #0");
SNIPPET(invalidate_tlb, "tlbi vmalle1");
SNIPPET(nothing, "nop");
SNIPPET(load_from_sp, "mov x5, sp; add x6, x5, x0; mov sp, x6; ldr x1, [sp]; mov sp, x5");
SNIPPET(push, "mov x5, sp; sub x6, x5, x0; mov sp, x6; str x1, [sp, #-16]!; mov sp, x5");
SNIPPET(pair_from_sp, "mov x5, sp; sub x6, x5, x0; mov sp, x6; ldp x1, x2, [sp]; mov sp, x5");

static u8 buffer[256] __attribute__((aligned(128)));

static void sctlr(u64 set, u64 clear) { WRITE(sctlr_el1, (READ(sctlr_el1) | set) & ~clear); }

void exceptions(void) {
  u64 at = (u64)buffer;
  heading("exceptions from EL1");
  at_el1("SVC", svc, 0, 0, 0);
  at_el1("BRK", brk, 0, 0, 0);
  at_el1("HLT", hlt, 0, 0, 0);
  at_el1("undefined word", undefined, 0, 0, 0);
  at_el1("MSR MIDR_EL1", write_midr, 0, 0, 0);
  at_el1("MRS of an unallocated register", read_unallocated, 0, 0, 0);
  at_el1("MRS HCR_EL2", read_el2, 0, 0, 0);
  at_el1("MRS SCR_EL3", read_el3, 0, 0, 0);
  at_el1("unallocated SYS", unallocated_sys, 0, 0, 0);
  at_el1("BR to 2 mod 4", branch, (u64)nothing + 2, 0, 0);
  at_el1("BR to 1 mod 4", branch, (u64)nothing + 1, 0, 0);
  at_el1("BLR to 3 mod 4", call, (u64)nothing + 3, 0, 0);

  heading("exceptions from EL0");
  at_el0("SVC", svc, 0, 0, 0);
  at_el0("BRK", brk, 0, 0, 0);
  at_el0("HLT", hlt, 0, 0, 0);
  at_el0("HVC", hvc, 0, 0, 0);
  at_el0("SMC", smc, 0, 0, 0);
  at_el0("ERET", eret_instruction, 0, 0, 0);
  at_el0("undefined word", undefined, 0, 0, 0);
  at_el0("MRS ESR_EL1", read_esr, 0, 0, 0);
  at_el0("MSR ESR_EL1", write_esr, 0, 0, 0);
  at_el0("MRS SP_EL0", read_sp_el0, 0, 0, 0);
  at_el0("MSR SPSel", select_sp, 0, 0, 0);
  at_el0("TLBI VMALLE1", invalidate_tlb, 0, 0, 0);
  at_el0("MSR and MRS TPIDR_EL0", write_thread, 0x5a5a, 0, 0);
  at_el0("MSR TPIDRRO_EL0", write_read_only_thread, 0, 0, 0);
  at_el0("BR to 2 mod 4", branch, (u64)nothing + 2, 0, 0);

  heading("alignment");
  at_el1("LDXR at 4 mod 8", load_exclusive, at + 4, 0, 0);
  at_el1("LDXP at 8 mod 16", load_exclusive_pair, at + 8, 0, 0);
  at_el1("LDAR at 1 mod 8", load_acquire, at + 1, 0, 0);
  at_el1("STLR at 2 mod 8", store_release, at + 2, 0, 0);
  at_el1("LDR at 1 mod 4", load_word, at + 1, 0, 0);
  sctlr(1ul << 1, 0);
  at_el1("LDR at 1 mod 4, SCTLR_EL1.A", load_word, at + 1, 0, 0);
  at_el1("LDR at 2 mod 4, SCTLR_EL1.A", load_word, at + 2, 0, 0);
  at_el1("STR at 3 mod 4, SCTLR_EL1.A", store_word, at + 3, 0, 0);
  at_el1("LDRB at 1 mod 4, SCTLR_EL1.A", load_byte, at + 1, 0, 0);
  at_el1("LDP at 8 mod 16, SCTLR_EL1.A", load_pair, at + 8, 0, 0);
  at_el1("LDP at 4 mod 8, SCTLR_EL1.A", load_pair, at + 4, 0, 0);
  at_el0("LDR at 1 mod 4, SCTLR_EL1.A", load_word, at + 1, 0, 0);
  probe(store_post, at + 1, 0, 0);
  line("post-indexed store that faults leaves its base at buffer +", outcome.x[0] - at);
  sctlr(0, 1ul << 1);

  /* QEMU 7.2 leaves these checks out: see the test. */
  heading("stack pointer alignment");
  at_el1("LDR from SP at 8 mod 16, SA 0", load_from_sp, 8, 0, 0);
  sctlr(1ul << 3 | 1ul << 4, 0);
  at_el1("LDR from SP at 0 mod 16, SA 1", load_from_sp, 16, 0, 0);
  at_el1("LDR from SP at 8 mod 16, SA 1", load_from_sp, 8, 0, 0);
  at_el1("STR to SP at 12 mod 16 with writeback, SA 1", push, 4, 0, 0);
  at_el1("LDP from SP at 8 mod 16, SA 1", pair_from_sp, 8, 0, 0);
  at_el0("LDR from SP at 8 mod 16, SA0 1", pair_from_sp, 8, 0, 0);
  sctlr(0, 1ul << 3 | 1ul << 4);

  heading("what SCTLR_EL1 keeps from EL0");
  at_el0("MRS CTR_EL0, UCT 0", read_ctr, 0, 0, 0);
  at_el0("DC ZVA, DZE 0", zero_block, at, 0, 0);
  at_el0("MRS DCZID_EL0", read_dczid, 0, 0, 0);
  at_el0("DC CVAC, UCI 0", clean_block, at, 0, 0);
  at_el0("IC IVAU, UCI 0", invalidate_code, at, 0, 0);
  at_el0("MSR DAIFSet, UMA 0", mask_interrupts, 0, 0, 0);
  at_el0("MSR DAIFClr, UMA 0", unmask_interrupts, 0, 0, 0);
  at_el0("MRS DAIF, UMA 0", read_daif, 0, 0, 0);
  at_el0("MSR DAIF, UMA 0", write_daif, 0x3c0, 0, 0);
  at_el0("WFI, nTWI 0", wait, 0, 0, 0);
  sctlr(1ul << 26 | 1ul << 15 | 1ul << 14 | 1ul << 9, 0);
  at_el0("MRS CTR_EL0, UCT 1", read_ctr, 0, 0, 0);
  at_el0("DC ZVA, DZE 1", zero_block, at, 0, 0);
  at_el0("DC CVAC, UCI 1", clean_block, at, 0, 0);
  at_el0("IC IVAU, UCI 1", invalidate_code, at, 0, 0);
  at_el0("MSR DAIFSet, UMA 1", mask_interrupts, 0, 0, 0);
  at_el0("MSR DAIFClr, UMA 1", unmask_interrupts, 0, 0, 0);
  at_el0("MRS DAIF, UMA 1", read_daif, 0, 0, 0);
  at_el0("MSR DAIF, UMA 1", write_daif, 0x3c0, 0, 0);
  sctlr(0, 1ul << 26 | 1ul << 15 | 1ul << 14 | 1ul << 9);

  heading("what CNTKCTL_EL1 keeps from EL0");
  WRITE(cntkctl_el1, 0);
  at_el0("MRS CNTVCT_EL0", read_count, 0, 0, 0);
  at_el0("MRS CNTPCT_EL0", read_physical_count, 0, 0, 0);
  at_el0("MRS CNTFRQ_EL0", read_frequency, 0, 0, 0);
  at_el0("MRS CNTV_CTL_EL0", read_timer, 0, 0, 0);
  at_el0("MSR CNTV_CVAL_EL0", write_timer, 0, 0, 0);
  at_el0("MRS CNTP_CTL_EL0", read_physical_timer, 0, 0, 0);
  WRITE(cntkctl_el1, 0x303);
  at_el0("MRS CNTVCT_EL0, allowed", read_count, 0, 0, 0);
  at_el0("MRS CNTPCT_EL0, allowed", read_physical_count, 0, 0, 0);
  at_el0("MRS CNTFRQ_EL0, allowed", read_frequency, 0, 0, 0);
  at_el0("MRS CNTV_CTL_EL0, allowed", read_timer, 0, 0, 0);
  at_el0("MRS CNTP_CTL_EL0, allowed", read_physical_timer, 0, 0, 0);
  WRITE(cntkctl_el1, 0);
}
