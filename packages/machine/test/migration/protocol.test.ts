import { describe, expect, it } from 'vitest';
import { SourceProtocol } from '../../src/migration/source-protocol.js';
import type { ByteChannel } from '../../src/migration/stream.js';
import { TwoSides, type Variation } from './two-sides.js';

/** What has happened, one thing after the other. */
type Path = readonly string[];

function replay(path: Path, variation: Variation): TwoSides {
  const sides = new TwoSides(variation);
  for (const move of path) sides.moves.get(move)!();
  return sides;
}

/**
 * Lets all happen that can, in all orders, until nothing new comes of it or something is wrong. `wrong` is then the shortest
 * way there. A state is made anew by its path each time, since protocols cannot be copied.
 */
function explore(isWrong: (sides: TwoSides) => boolean, variation: Variation = {}) {
  const phases = new Set<string>();
  const seen = new Set<string>();
  let paths: Path[] = [[]];
  while (paths.length > 0) {
    const next: Path[] = [];
    for (const path of paths) {
      for (const move of replay(path, variation).moves.keys()) {
        const there = [...path, move];
        const sides = replay(there, variation);
        if (seen.has(sides.key)) continue;
        seen.add(sides.key);
        phases.add(sides.phases);
        next.push(there);
        if (isWrong(sides)) return { states: seen.size, phases, wrong: there };
      }
    }
    paths = next;
  }
  return { states: seen.size, phases, wrong: undefined };
}

const bothRun = ({ sourceRuns, destinationRuns }: TwoSides) => sourceRuns && destinationRuns;

/** Even when the network holds from here on, the guest is lost. */
function isLost(sides: TwoSides): boolean {
  sides.settle();
  if (sides.sourceRuns || sides.destinationRuns) return false;
  // When the destination is gone, the source says that it does not know; or the guest ran there and is gone with it.
  return sides.destinationIsThere || !['unknown', 'moved'].includes(sides.source.phase);
}

describe('a migration, whatever happens in whatever order', () => {
  it('never lets both sides run', () => {
    const { wrong, states, phases } = explore(bothRun);
    expect(wrong).toBeUndefined();
    expect(states).toBeGreaterThan(1000);
    for (const destination of ['ready', 'running', 'failed', 'dead']) {
      for (const source of ['committed', 'unknown', 'asking']) expect(phases).toContain(`${source}, ${destination}`);
    }
  });

  it('leaves the guest with one side as soon as the network holds, or the source says that it does not know', () => {
    expect(explore(isLost).wrong).toBeUndefined();
  });
});

/** Counts a question that was not sent as a commitment that was not sent. */
class TakesAnyFrameForTheCommitment extends SourceProtocol {
  override disconnected(reason: string, unsent = false): void {
    const { phase } = this;
    super.disconnected(reason, unsent);
    if (phase === 'asking' && unsent) this.reclaim();
  }
}

/** Goes on when it is told that somebody else knows of no such machine. */
class BelievesStrangers extends SourceProtocol {
  override disconnected(reason: string, unsent = false): void {
    super.disconnected(reason, unsent);
    if (/not here/.test(reason)) this.reclaim();
  }
}

/** Goes on when the destination is silent. */
class TakesSilenceForNo extends SourceProtocol {
  override disconnected(reason: string, unsent = false): void {
    super.disconnected(reason, unsent);
    if (reason === 'No answer.') this.reclaim();
  }
}

/** Connects again and does not ask. */
class NeverAsks extends SourceProtocol {
  override reconnected(channel: ByteChannel): void {
    super.reconnected({ writable: true, drained: true, write: () => {}, close: () => channel.close() });
  }
}

describe('the checks themselves', () => {
  it('find the source that counts a question that was not sent as its commitment', () => {
    const { wrong } = explore(bothRun, { source: TakesAnyFrameForTheCommitment });
    expect(wrong).toContain('CMIT arrives at the destination');
    expect(wrong?.filter((move) => /again|unsent/.test(move))).toEqual([
      'the source connects again in vain',
      'the source notices, its last frame unsent',
    ]);
  });

  it.each<[string, Variation]>([
    ['a source that believes a stranger', { source: BelievesStrangers }],
    ['a source that takes silence for no', { source: TakesSilenceForNo }],
    [
      'a destination that runs before CMIT',
      { destinationRuns: ({ phase }) => phase === 'ready' || phase === 'running' },
    ],
    ['a person who takes the machine back without knowing', { rashPersons: true }],
  ])('find %s', (_, variation) => {
    expect(explore(bothRun, variation).wrong).toBeDefined();
  });

  it('find a source that never asks', () => {
    expect(explore(isLost, { source: NeverAsks }).wrong).toBeDefined();
  });
});
