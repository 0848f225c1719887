/**
 * Load- and store-exclusive, load-acquire and store-release. The vCPUs run in turn, so order is no question; the local
 * monitor keeps address, size and value of the load, and a store-exclusive succeeds if memory still holds that value.
 */

import { bit, destination, orSp, raOf, rdOf, readSlot, rmOf, rnOf, source, writeSlot } from '../instruction/fields';
import { FAULT_ALIGNMENT, TRANSLATED, physical, walk } from '../memory/mmu';
import { MONITOR_HIGH, MONITOR_LOW, MONITOR_PA, MONITOR_SIZE, MONITOR_VA, hostOf, inRam } from '../state/layout';
import { abort, aborted, accessLevel, loadMemory, probeStore, storeMemory } from './access';
import { faultsOnSp, undefinedInstruction } from './leave';

export function executeExclusive(word: u32): void {
  const size: u32 = 1 << (word >> 30);
  const ordered = bit(word, 23) != 0;
  const loading = bit(word, 22) != 0;
  const pair = bit(word, 21) != 0;
  // With o2: only LDAR and STLR; compare-and-swap and LORegion forms are of later architectures.
  if (ordered && (pair || !bit(word, 15))) return undefinedInstruction();
  if (pair && size < 4) return undefinedInstruction();
  if (faultsOnSp(rnOf(word))) return;

  const va = readSlot(orSp(rnOf(word)));
  const bytes = pair ? size << 1 : size;
  const storing = !loading;
  if (!ordered && storing && load<u32>(MONITOR_SIZE) == 0) {
    // Nothing to compare with: fails without touching memory.
    writeSlot(destination(rmOf(word)), 1);
    return;
  }
  if (<u32>va & (bytes - 1)) return abort(va, FAULT_ALIGNMENT, storing);
  if (ordered) executeOrdered(word, va, size, loading);
  else if (loading) loadExclusive(word, va, size, pair);
  else storeExclusive(word, va, size, pair);
}

function executeOrdered(word: u32, va: u64, size: u32, loading: bool): void {
  const el = accessLevel(false);
  if (!loading) {
    storeMemory(va, size, readSlot(source(rdOf(word))), el);
    return;
  }
  const value = loadMemory(va, size, el);
  if (!aborted) writeSlot(destination(rdOf(word)), value);
}

function loadExclusive(word: u32, va: u64, size: u32, pair: bool): void {
  const el = accessLevel(false);
  const low = loadMemory(va, size, el);
  if (aborted) return;
  const high = pair ? loadMemory(va + size, size, el) : 0;
  if (aborted) return;
  // The translation has just succeeded; this is for the address.
  if (walk(va, el == 0) != TRANSLATED) return;
  store<u32>(MONITOR_SIZE, pair ? size << 1 : size);
  store<u64>(MONITOR_VA, va);
  store<u64>(MONITOR_PA, physical);
  store<u64>(MONITOR_LOW, low);
  store<u64>(MONITOR_HIGH, high);
  writeSlot(destination(rdOf(word)), low);
  if (pair) writeSlot(destination(raOf(word)), high);
}

function storeExclusive(word: u32, va: u64, size: u32, pair: bool): void {
  const el = accessLevel(false);
  const status = destination(rmOf(word));
  const bytes = pair ? size << 1 : size;
  const expected = load<u32>(MONITOR_SIZE) == bytes && load<u64>(MONITOR_VA) == va;
  store<u32>(MONITOR_SIZE, 0);
  if (!expected) {
    writeSlot(status, 1);
    return;
  }
  probeStore(va, bytes, el);
  if (aborted) return;
  if (!stillHolds(va, size, pair, el)) {
    writeSlot(status, 1);
    return;
  }
  const first = readSlot(source(rdOf(word)));
  const second = readSlot(source(raOf(word)));
  storeMemory(va, size, first, el);
  if (aborted) return;
  if (pair) storeMemory(va + size, size, second, el);
  if (!aborted) writeSlot(status, 0);
}

/** Memory at the monitored physical address is as it was loaded. A device is not read again: there it is taken to be. */
function stillHolds(va: u64, size: u32, pair: bool, el: u32): bool {
  if (walk(va, el == 0) != TRANSLATED || physical != load<u64>(MONITOR_PA)) return false;
  if (!inRam(physical, 1)) return true;
  const host = hostOf(physical);
  const low = load<u64>(MONITOR_LOW);
  switch (size) {
    case 1:
      return load<u8>(host) == <u8>low;
    case 2:
      return load<u16>(host) == <u16>low;
    case 4:
      return load<u32>(host) == <u32>low && (!pair || load<u32>(host, 4) == load<u32>(MONITOR_HIGH));
    default:
      return load<u64>(host) == low && (!pair || load<u64>(host, 8) == load<u64>(MONITOR_HIGH));
  }
}
