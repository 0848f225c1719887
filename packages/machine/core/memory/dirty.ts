/** The dirty log: one bit per RAM page that the guest has stored to since it was last taken. For live migration. */

import { PAGE_SHIFT, dirtyLog, ramSize } from '../state/layout';
import { slowStoresToAll } from './tlb';

let logging: bool = false;

/** True when a store to this page has not been noted yet and must be. */
export function mustLogStore(ramOffset: u32): bool {
  if (!logging) return false;
  const page = ramOffset >> PAGE_SHIFT;
  return !((load<u32>(dirtyLog + ((<usize>(page >> 5)) << 2)) >> (page & 31)) & 1);
}

export function markDirty(ramOffset: u32): void {
  if (!logging) return;
  const page = ramOffset >> PAGE_SHIFT;
  const word = dirtyLog + ((<usize>(page >> 5)) << 2);
  store<u32>(word, load<u32>(word) | (1 << (page & 31)));
}

export function clearDirtyLog(): void {
  memory.fill(dirtyLog, 0, <usize>(((ramSize >> PAGE_SHIFT) + 31) >> 5) << 2);
  slowStoresToAll();
}

export function setLogging(on: bool): void {
  logging = on;
  clearDirtyLog();
}
