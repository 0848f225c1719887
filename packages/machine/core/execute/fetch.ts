/** From PC to the micro-op there: translation, permission, and the predecoded page. */

import { decodedOf, noteFetch } from '../memory/code';
import {
  EXECUTE,
  FAULT_EXTERNAL,
  TRANSLATED,
  canonicalPc,
  isBlock,
  notGlobal,
  permissionFault,
  permissions,
  physical,
  walk,
} from '../memory/mmu';
import { ITLB_PAGE, ITLB_TAG, checkUserBank, codeBank, fillCode } from '../memory/tlb';
import {
  CODE_PAGE,
  CODE_VA,
  EL,
  ITLB_ENTRIES,
  ITLB_ENTRY,
  PAGE_SHIFT,
  PC,
  current,
  inRam,
  ramBase,
} from '../state/layout';
import { takeInstructionAbort, takePcAlignmentFault } from './exceptions';

/**
 * Finds the micro-op at PC and makes its page the executing one. Returns 0 when the fetch faulted; the exception is
 * taken then.
 */
export function fetch(): usize {
  noteFetch();
  let pc = load<u64>(PC);
  const el = load<u32>(EL);
  if (!el) checkUserBank();
  let page = pc & ~0xfff;
  const entry = codeBank(current, el) + <usize>((<u32>(pc >> PAGE_SHIFT) & (ITLB_ENTRIES - 1)) * ITLB_ENTRY);
  if (load<u64>(entry, ITLB_TAG) != page || (<u32>pc & 3) != 0) {
    pc = canonicalPc(pc);
    store<u64>(PC, pc);
    page = pc & ~0xfff;
    if (<u32>pc & 3) {
      takePcAlignmentFault(pc);
      return 0;
    }
    let fault = walk(pc, el == 0);
    if (fault == TRANSLATED) {
      if (!(permissions & EXECUTE)) fault = permissionFault();
      else if (!inRam(physical, 4)) fault = FAULT_EXTERNAL;
    }
    if (fault != TRANSLATED) {
      takeInstructionAbort(pc, fault);
      return 0;
    }
    fillCode(el, pc, decodedOf(<u32>(physical - ramBase)), isBlock, notGlobal);
    noteFetch();
  }
  const decoded = <usize>load<u32>(entry, ITLB_PAGE);
  store<u64>(CODE_VA, page);
  store<u32>(CODE_PAGE, <u32>decoded);
  return decoded + ((<usize>(<u32>pc) & 0xffc) << 2);
}
