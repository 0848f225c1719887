/** The events of a guest whose LPIs are forwarded: each leads to an LPI of its own, and has a host interrupt meant for it. */
import { FIRST_LPI, type ItsPlan } from '../../generator/guest-tables.js';
import type { Sequence } from '../../generator/sequence.js';

/** An event of the guest's, the LPI that it leads to and no other does, and the host interrupt that is meant for it. */
export interface ForwardableEvent {
  readonly its: ItsPlan;
  readonly deviceId: number;
  readonly eventId: number;
  readonly lpi: number;
  readonly hostIrq: number;
}

const FIRST_HOST_IRQ = 32;

/** From one LPI to the next: in a word of the pending tables, in a few, or far apart. */
const DISTANCES = [1, 7, 97] as const;

export function eventsOf(s: Sequence): ForwardableEvent[] {
  const distance = DISTANCES[s.tables!.lpis[0]! % DISTANCES.length]!;
  const events: ForwardableEvent[] = [];
  for (const its of s.tables!.its) {
    for (const { id: deviceId, eventBits } of its.devices) {
      for (const eventId of s.tables!.events) {
        if (eventId >= 2 ** eventBits) continue;
        const n = events.length;
        events.push({ its, deviceId, eventId, lpi: FIRST_LPI + n * distance, hostIrq: FIRST_HOST_IRQ + n });
      }
    }
  }
  return events;
}

export const anyEvent = (s: Sequence): ForwardableEvent => {
  const events = eventsOf(s);
  const forwarded = events.filter(({ hostIrq }) => s.vm.forwarded.has(hostIrq));
  return s.random.pick(forwarded.length && s.random.chance(0.75) ? forwarded : events);
};
