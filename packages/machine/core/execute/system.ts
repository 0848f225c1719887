/** System instructions: exception generation and return, PSTATE, hints, cache and TLB maintenance, address translation. */

import { encodingOf, HINT_WFE, HINT_WFI, HINT_YIELD } from '../decode/system';
import { bit, bits, destination, rdOf, readSlot, source, writeSlot } from '../instruction/fields';
import {
  FAULT_ALIGNMENT,
  FAULT_EXTERNAL_WALK,
  READ,
  TRANSLATED,
  WRITE,
  attributeIndex,
  mmuEnabled,
  permissionFault,
  permissions,
  physical,
  shareability,
  walk,
} from '../memory/mmu';
import { flushPage, flushVcpu } from '../memory/tlb';
import { EXIT_HYPERCALL, EXIT_SECURE_CALL, EXIT_WAIT, EXIT_YIELD, exitWith } from '../state/exit';
import { DAIF, EL, LINES, MAIR, MONITOR_SIZE, PAR, PC, SCTLR, current, vcpus } from '../state/layout';
import { abort, aborted, accessLevel, resolveRam, stored } from './access';
import { exceptionReturn, takeBrk, takeDataAbort, takeSvc, takeSystemTrap, takeWaitTrap } from './exceptions';
import { leaveLoop, undefinedInstruction } from './leave';
import { readRegister, refused, selectStack, systemIss, writeRegister } from './system-registers';

const ERET: u32 = 0xd69f03e0;
const CLREX_MASK: u32 = 0xfffff0ff;
const CLREX: u32 = 0xd503305f;

/** SCTLR_EL1 bits. */
const SCTLR_UMA: u32 = 1 << 9;
const SCTLR_DZE: u32 = 1 << 14;
const SCTLR_NTWI: u32 = 1 << 16;
const SCTLR_NTWE: u32 = 1 << 18;
const SCTLR_UCI: u32 = 1 << 26;

export function executeSystem(word: u32, pc: u64): void {
  if (word >> 24 == 0xd4) return generateException(word, pc);
  if (word == ERET) {
    if (load<u32>(EL) == 0) return undefinedInstruction();
    exceptionReturn();
    leaveLoop();
    return;
  }
  if (word >> 22 != 0x354) return undefinedInstruction();
  const reading = bit(word, 21) != 0;
  switch (bits(word, 19, 2)) {
    case 0:
      if (reading) return undefinedInstruction();
      return executePstate(word, pc);
    case 1:
      if (reading) return undefinedInstruction();
      return executeMaintenance(word, pc);
    default:
      if (reading) {
        const value = readRegister(encodingOf(word), rdOf(word));
        if (!refused) writeSlot(destination(rdOf(word)), value);
      } else writeRegister(encodingOf(word), rdOf(word), readSlot(source(rdOf(word))));
  }
}

/** SVC, HVC, SMC, BRK by opc:op2:LL. */
function generateException(word: u32, pc: u64): void {
  const immediate = bits(word, 5, 16);
  const kind = (bits(word, 21, 3) << 5) | (word & 31);
  const privileged = load<u32>(EL) == 1;
  if (kind == 1) {
    leaveLoop();
    takeSvc(pc, immediate);
  } else if (kind == 2 && privileged) exitWith(EXIT_HYPERCALL);
  else if (kind == 3 && privileged) exitWith(EXIT_SECURE_CALL);
  else if (kind == 0x20) {
    leaveLoop();
    takeBrk(pc, immediate);
  } else undefinedInstruction();
}

/** op0 0: MSR (immediate), hints, CLREX. */
function executePstate(word: u32, pc: u64): void {
  if ((word & 0xfffff01f) == 0xd503201f) return executeHint(bits(word, 5, 7), pc);
  if ((word & CLREX_MASK) == CLREX) {
    store<u32>(MONITOR_SIZE, 0);
    return;
  }
  if (bits(word, 12, 4) != 4 || rdOf(word) != 31) return undefinedInstruction();
  const immediate = bits(word, 8, 4);
  const which = (bits(word, 16, 3) << 3) | bits(word, 5, 3);
  const el = load<u32>(EL);
  if (which == 5 && el == 1) return selectStack(immediate & 1);
  if (which != 0x1e && which != 0x1f) return undefinedInstruction();
  if (el == 0 && !(load<u32>(SCTLR) & SCTLR_UMA)) {
    leaveLoop();
    // MSR (immediate) is reported with op0 0 and CRn 4.
    takeSystemTrap(pc, systemIss(bits(word, 5, 14), 31, false));
    return;
  }
  const mask = immediate << 6;
  if (which == 0x1e) store<u32>(DAIF, load<u32>(DAIF) | mask);
  else store<u32>(DAIF, load<u32>(DAIF) & ~mask);
}

function executeHint(hint: u32, pc: u64): void {
  const user = load<u32>(EL) == 0;
  const control = load<u32>(SCTLR);
  if (hint == HINT_YIELD) exitWith(EXIT_YIELD);
  else if (hint == HINT_WFE) {
    if (user && !(control & SCTLR_NTWE)) {
      leaveLoop();
      takeWaitTrap(pc, 1);
    } else exitWith(EXIT_YIELD);
  } else if (hint == HINT_WFI) {
    // An asserted line ends the wait at once, masked or not.
    if (load<u32>(LINES)) return;
    if (user && !(control & SCTLR_NTWI)) {
      leaveLoop();
      takeWaitTrap(pc, 0);
    } else exitWith(EXIT_WAIT);
  }
}

/** SYS operations as op1<<11 | CRn<<7 | CRm<<3 | op2. */
const IC_IALLUIS: u32 = 0x388;
const IC_IALLU: u32 = 0x3a8;
const IC_IVAU: u32 = 0x1ba9;
const DC_ZVA: u32 = 0x1ba1;
const DC_IVAC: u32 = 0x3b1;
const DC_ISW: u32 = 0x3b2;
const DC_CSW: u32 = 0x3d2;
const DC_CISW: u32 = 0x3f2;
const DC_CVAC: u32 = 0x1bd1;
const DC_CVAU: u32 = 0x1bd9;
const DC_CIVAC: u32 = 0x1bf1;
const AT_S1E1R: u32 = 0x3c0;
const AT_S1E0W: u32 = 0x3c3;
/** TLBI … IS and TLBI …: CRn 8, CRm 3 and 7. */
const TLBI_SHARED: u32 = 0x418;
const TLBI_LOCAL: u32 = 0x438;

function executeMaintenance(word: u32, pc: u64): void {
  const operation = bits(word, 5, 14);
  const value = readSlot(source(rdOf(word)));
  const user = load<u32>(EL) == 0;
  if (operation == DC_ZVA || operation == DC_CVAC || operation == DC_CVAU || operation == DC_CIVAC || operation == IC_IVAU) {
    if (user && !(load<u32>(SCTLR) & (operation == DC_ZVA ? SCTLR_DZE : SCTLR_UCI))) {
      leaveLoop();
      takeSystemTrap(pc, systemIss(0x4000 | operation, rdOf(word), false));
      return;
    }
    if (operation == DC_ZVA) zeroBlock(value);
    // There is no cache to maintain, and predecoded code never outlives a store to it.
    return;
  }
  if (user) return undefinedInstruction();
  switch (operation) {
    case IC_IALLUIS:
    case IC_IALLU:
    case DC_IVAC:
    case DC_ISW:
    case DC_CSW:
    case DC_CISW:
      return;
  }
  if (operation >= AT_S1E1R && operation <= AT_S1E0W) return translateAddress(value, operation - AT_S1E1R);
  const scope = operation & ~7;
  if (scope == TLBI_SHARED || scope == TLBI_LOCAL) return invalidateTlb(operation & 7, scope == TLBI_SHARED, value);
  undefinedInstruction();
}

/** VMALLE1 0, VAE1 1, ASIDE1 2, VAAE1 3, VALE1 5, VAALE1 7. */
function invalidateTlb(kind: u32, shared: bool, value: u64): void {
  if (kind == 4 || kind == 6) return undefinedInstruction();
  for (let vcpu: u32 = 0; vcpu < vcpus; vcpu++) {
    if (!shared && vcpu != current) continue;
    if (kind & 1) flushPage(vcpu, value & 0xfffffffffff);
    else flushVcpu(vcpu);
  }
  // The page that is executing may be gone too.
  store<u64>(PC, load<u64>(PC) + 4);
  leaveLoop();
}

/** DC ZVA: 64 bytes. */
function zeroBlock(va: u64): void {
  const host = resolveRam(va, true, accessLevel(false));
  if (aborted) return;
  if (!host) return abort(va, FAULT_ALIGNMENT, true);
  const block = host & ~63;
  memory.fill(block, 0, 64);
  stored(block, 64);
}

/** AT S1E1R, S1E1W, S1E0R, S1E0W: the result goes to PAR_EL1. */
function translateAddress(va: u64, kind: u32): void {
  const write = (kind & 1) != 0;
  let fault = walk(va, kind >= 2);
  if (fault == TRANSLATED && !(permissions & (write ? WRITE : READ))) fault = permissionFault();
  // A table out of reach is no result but an abort of the instruction (Arm ARM D8, "synchronous external aborts").
  if (fault != TRANSLATED && (fault & ~3) == FAULT_EXTERNAL_WALK) {
    leaveLoop();
    takeDataAbort(load<u64>(PC), va, fault, true, true);
    return;
  }
  if (fault != TRANSLATED) {
    store<u64>(PAR, <u64>((1 << 11) | (fault << 1) | 1));
    return;
  }
  const attribute = mmuEnabled() ? (load<u64>(MAIR) >> (attributeIndex << 3)) & 0xff : 0;
  // Device and Normal non-cacheable memory is outer shareable whatever the descriptor says.
  const share: u64 = attribute >> 4 == 0 || attribute == 0x44 ? 2 : shareability;
  store<u64>(PAR, (attribute << 56) | (physical & ~0xfff) | (1 << 11) | (1 << 9) | (share << 7));
}
