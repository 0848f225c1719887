/**
 * Where everything lives in the one WebAssembly memory.
 *
 *   0x00000  constants of the compiler
 *   0x10000  context of the vCPU that is running (its home is stale meanwhile)
 *   0x10800  state of the run, not of a vCPU
 *   0x10c00  tables
 *   0x11000  homes of the contexts of all vCPUs
 *   0x30000  then, sized by init(): TLBs, the table of code pages, the dirty log, predecoded pages, guest RAM
 *
 * Names in capitals are absolute addresses, so that a register access compiles to one load with a constant offset.
 * The context of another vCPU has the same shape: see `fieldOf`.
 */

export const CURRENT: usize = 0x10000;
export const CONTEXT_SIZE: usize = 0x800;

// --- context: architectural state, saved and restored as it is ---

/** X0..X30, then the selected stack pointer as register 31. */
export const X: usize = CURRENT;
export const SP: usize = CURRENT + 31 * 8;
/** Register 31 as a source is zero, as a destination goes nowhere: slots of their own, so that no operation tests for it. */
export const ZERO_SLOT: u32 = 32 * 8;
export const SINK_SLOT: u32 = 33 * 8;
export const SINK: usize = CURRENT + SINK_SLOT;

export const PC: usize = CURRENT + 0x110;
/** Lazy flags: N is the sign of FLAG_N, Z is FLAG_Z == 0, C is FLAG_C (0 or 1), V is the sign of FLAG_V. */
export const FLAG_N: usize = CURRENT + 0x118;
export const FLAG_Z: usize = CURRENT + 0x120;
export const FLAG_V: usize = CURRENT + 0x128;
export const FLAG_C: usize = CURRENT + 0x130;
/** 0 or 1. */
export const EL: usize = CURRENT + 0x138;
/** PSTATE.SP: 0 selects SP_EL0, 1 selects SP_ELx. Always 0 at EL0. */
export const SPSEL: usize = CURRENT + 0x13c;
/** D, A, I, F in bits 9..6, as in SPSR. */
export const DAIF: usize = CURRENT + 0x140;
/** PSTATE.IL. */
export const ILLEGAL: usize = CURRENT + 0x144;
/** Input lines at the bits of their masks in DAIF: IRQ 7, FIQ 6. */
export const LINES: usize = CURRENT + 0x148;
/** Set once the vCPU can make no progress. */
export const LOCKED: usize = CURRENT + 0x14c;
/** Local exclusive monitor: size in bytes (0: open), address, and the value that was loaded. */
export const MONITOR_SIZE: usize = CURRENT + 0x150;
export const MONITOR_VA: usize = CURRENT + 0x158;
export const MONITOR_PA: usize = CURRENT + 0x160;
export const MONITOR_LOW: usize = CURRENT + 0x168;
export const MONITOR_HIGH: usize = CURRENT + 0x170;
/** The stack pointers that are not in SP at the moment. */
export const SP_EL0: usize = CURRENT + 0x178;
export const SP_EL1: usize = CURRENT + 0x180;
/** Where the last exception entered, and the first fault of a chain of faults in vectors: for the lockup report. */
export const LAST_VECTOR: usize = CURRENT + 0x188;
export const FAULT_PC: usize = CURRENT + 0x190;
export const FAULT_ADDRESS: usize = CURRENT + 0x198;
export const FAULT_SYNDROME: usize = CURRENT + 0x1a0;
export const FAULT_WORD: usize = CURRENT + 0x1a8;

/** System registers, 8 bytes each. */
export const ELR: usize = CURRENT + 0x200;
export const SPSR: usize = CURRENT + 0x208;
export const ESR: usize = CURRENT + 0x210;
export const FAR: usize = CURRENT + 0x218;
export const VBAR: usize = CURRENT + 0x220;
export const SCTLR: usize = CURRENT + 0x228;
export const TCR: usize = CURRENT + 0x230;
export const TTBR0: usize = CURRENT + 0x238;
export const TTBR1: usize = CURRENT + 0x240;
export const MAIR: usize = CURRENT + 0x248;
export const AMAIR: usize = CURRENT + 0x250;
export const CONTEXTIDR: usize = CURRENT + 0x258;
export const TPIDR_EL0: usize = CURRENT + 0x260;
export const TPIDRRO_EL0: usize = CURRENT + 0x268;
export const TPIDR_EL1: usize = CURRENT + 0x270;
export const CPACR: usize = CURRENT + 0x278;
export const AFSR0: usize = CURRENT + 0x280;
export const AFSR1: usize = CURRENT + 0x288;
export const PAR: usize = CURRENT + 0x290;
export const CSSELR: usize = CURRENT + 0x298;
export const MDSCR: usize = CURRENT + 0x2a0;
export const MDCCINT: usize = CURRENT + 0x2a8;
export const OSLOCK: usize = CURRENT + 0x2b0;
export const OSDLR: usize = CURRENT + 0x2b8;
export const DBGPRCR: usize = CURRENT + 0x2c0;
export const CNTKCTL: usize = CURRENT + 0x2c8;
export const CNTFRQ: usize = CURRENT + 0x2d0;
/** Control and compare value of the virtual timer, then of the physical one. */
export const TIMER: usize = CURRENT + 0x2d8;
export const TIMER_CONTROL: usize = 0;
export const TIMER_COMPARE: usize = 8;
export const TIMER_STRIDE: usize = 16;
/** DBGBVR0, DBGBCR0, DBGWVR0, DBGWCR0, then the same of number 1. */
export const DEBUG: usize = CURRENT + 0x300;
export const OSDTRRX: usize = CURRENT + 0x340;
export const OSDTRTX: usize = CURRENT + 0x348;
/** V0..V31, 16 bytes each. */
export const V: usize = CURRENT + 0x400;
export const FPCR: usize = CURRENT + 0x600;
export const FPSR: usize = CURRENT + 0x608;
/** Bytes of a context that are in use. */
export const CONTEXT_USED: usize = 0x610;

// --- the run ---

const RUN: usize = CURRENT + 0x800;
/** Virtual address of the page that is executing. */
export const CODE_VA: usize = RUN;
/** Its predecoded page. */
export const CODE_PAGE: usize = RUN + 8;
/** Instructions left of the budget, the one at hand not among them. */
export const LEFT: usize = RUN + 16;
/** Upper half of a 64-bit value to or from the host. */
export const HIGH: usize = RUN + 24;
/** The host's answer to an access: nothing is there. */
export const REFUSED: usize = RUN + 28;
/** Where a SIMD instruction makes its result before it writes registers: up to four of them. */
export const SIMD_RESULT: usize = RUN + 0x40;
/** The table of TBL and TBX: up to four registers. */
export const SIMD_TABLE: usize = RUN + 0x80;

// --- tables ---

/** For each condition a 16-bit set of the NZCV values for which it holds. */
export const CONDITIONS: usize = CURRENT + 0xc00;
export const CRC_TABLES: usize = 0x1a000;
/** Row number + 1 of each system-register encoding. */
export const REGISTER_INDEX: usize = 0x1c000;

export const HOMES: usize = 0x11000;
export const MAX_VCPUS: u32 = 16;
export const DYNAMIC: usize = 0x30000;

// --- what init() sized ---

export let vcpus: u32 = 0;
export let current: u32 = 0;
export let ramBase: u64 = 0;
export let ramSize: u64 = 0;
/** Address of guest RAM in this memory. */
export let ram: usize = 0;
export let tlbs: usize = 0;
export let codePages: usize = 0;
export let dirtyLog: usize = 0;
export let decodedPool: usize = 0;
export let decodedCapacity: u32 = 0;

export const PAGE_SHIFT: u32 = 12;
export const PAGE_MASK: u64 = 0xfff;

/** Data TLBs of EL0 and EL1, then instruction TLBs of EL0 and EL1. */
export const TLB_ENTRIES: u32 = 512;
export const TLB_ENTRY: u32 = 32;
export const TLB_BANK: u32 = TLB_ENTRIES * TLB_ENTRY;
export const ITLB_ENTRIES: u32 = 512;
export const ITLB_ENTRY: u32 = 16;
export const ITLB_BANK: u32 = ITLB_ENTRIES * ITLB_ENTRY;
export const TLB_SIZE: u32 = 2 * TLB_BANK + 2 * ITLB_BANK;

/** A predecoded page: 1024 micro-ops, then one that leads on to the next page and knows where the page is in this memory. */
export const DECODED_PAGE: u32 = 1025 * 16;
const DECODED_LIMIT: u32 = 2048;

function roundUp(value: u64, unit: u64): u64 {
  return (value + unit - 1) & ~(unit - 1);
}

/** Lays out and grows the memory. Called once; false when it does not fit or the memory cannot be had. */
export function layOut(vcpuCount: u32, base: u64, size: u64): bool {
  vcpus = vcpuCount;
  ramBase = base;
  ramSize = size;
  const pages = size >> PAGE_SHIFT;
  let at: u64 = DYNAMIC;
  tlbs = <usize>at;
  // One bank more: it stays empty (see `emptyBank`).
  at += <u64>(vcpuCount * TLB_SIZE + TLB_BANK);
  codePages = <usize>at;
  at += pages * 4;
  dirtyLog = <usize>at;
  at += roundUp(pages, 32) >> 3;
  at = roundUp(at, 64);
  decodedPool = <usize>at;
  decodedCapacity = <u32>min<u64>(pages, DECODED_LIMIT);
  at += <u64>decodedCapacity * DECODED_PAGE;
  at = roundUp(at, 0x10000);
  ram = <usize>at;
  const total = roundUp(at + size, 0x10000) >> 16;
  if (total > 0x10000) return false;
  const missing = <i32>total - memory.size();
  return missing <= 0 || memory.grow(missing) >= 0;
}

/** Address of the context of a vCPU: where it runs if it is the one selected, else its home. */
export function contextOf(vcpu: u32): usize {
  return vcpu == current ? CURRENT : HOMES + <usize>vcpu * CONTEXT_SIZE;
}

/** The field of another vCPU's context that the current vCPU has at `address`. */
export function fieldOf(vcpu: u32, address: usize): usize {
  return contextOf(vcpu) + (address - CURRENT);
}

/** Brings the context of a vCPU to CURRENT. */
export function select(vcpu: u32): void {
  if (vcpu == current) return;
  memory.copy(HOMES + <usize>current * CONTEXT_SIZE, CURRENT, CONTEXT_USED);
  current = vcpu;
  memory.copy(CURRENT, HOMES + <usize>vcpu * CONTEXT_SIZE, CONTEXT_USED);
}

/** True when a physical range lies in RAM. */
export function inRam(physical: u64, bytes: u64): bool {
  const offset = physical - ramBase;
  return offset < ramSize && bytes <= ramSize - offset;
}

/** Address in this memory of a physical address in RAM. */
export function hostOf(physical: u64): usize {
  return ram + <usize>(physical - ramBase);
}
