/**
 * Predecoded pages. A RAM page that is executed gets a page of micro-ops from the pool; the table at `codePages` leads
 * from the RAM page there and so also says which pages have code. When the pool is used up, all of it is dropped.
 */

import { MICRO_OP, OP_IMMEDIATE, Op, emit } from '../instruction/ops';
import {
  CODE_PAGE,
  DECODED_PAGE,
  PAGE_SHIFT,
  codePages,
  decodedCapacity,
  decodedPool,
  ram,
  ramSize,
} from '../state/layout';
import { flushCodeOfAll, slowStoresTo } from './tlb';

let decodedCount: u32 = 0;

/** Offset in RAM of the page that a predecoded page was made from. */
function slotOf(ramOffset: u32): usize {
  return codePages + ((<usize>(ramOffset >> PAGE_SHIFT)) << 2);
}

export function hasCode(ramOffset: u32): bool {
  return load<u32>(slotOf(ramOffset)) != 0;
}

/** The predecoded page of a RAM page; a new one when there is none yet. */
export function decodedOf(ramOffset: u32): usize {
  const slot = slotOf(ramOffset);
  const known = load<u32>(slot);
  if (known) return known;
  if (decodedCount == decodedCapacity) dropAllCode();
  const page = decodedPool + <usize>decodedCount * DECODED_PAGE;
  decodedCount++;
  memory.fill(page, 0, DECODED_PAGE);
  // The last micro-op keeps where the instruction words are, for the decoder and the slow way.
  emit(page + 1024 * MICRO_OP, Op.PageEnd, 0, 0, 0, <u64>(ram + <usize>(ramOffset & ~0xfff)));
  store<u32>(slot, <u32>page);
  slowStoresTo(ram + <usize>(ramOffset & ~0xfff));
  return page;
}

/** Set when all code was dropped: a loop that executes some of it must fetch anew. */
export let codeDropped: bool = false;

export function noteFetch(): void {
  codeDropped = false;
}

/** Forgets everything predecoded. */
export function dropAllCode(): void {
  codeDropped = true;
  memory.fill(codePages, 0, <usize>(ramSize >> PAGE_SHIFT) << 2);
  decodedCount = 0;
  flushCodeOfAll();
}

/** Address in this memory of the instruction word of a micro-op in the page at CODE_PAGE. */
export function wordAddress(op: usize): usize {
  const page = <usize>load<u32>(CODE_PAGE);
  return <usize>load<u32>(page + 1024 * MICRO_OP, OP_IMMEDIATE) + ((op - page) >> 2);
}

/** RAM was written: the micro-ops of the words there are dropped. Within one page. */
export function dropCode(ramOffset: u32, bytes: u32): void {
  const page = <usize>load<u32>(slotOf(ramOffset));
  if (!page) return;
  const first = (ramOffset & 0xfff) >> 2;
  const last = ((ramOffset & 0xfff) + bytes - 1) >> 2;
  for (let word = first; word <= last; word++) store<u16>(page + <usize>word * MICRO_OP, <u16>Op.Decode);
}

/** Offset in its page of the instruction that a micro-op of the executing page stands for. */
export function pageOffset(op: usize): u32 {
  return <u32>(op - <usize>load<u32>(CODE_PAGE)) >> 2;
}
