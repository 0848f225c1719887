import { Checkpoint, Gic } from 'vgic';

/** What a checkpoint costs whoever goes through many ways that things can go: taken, put back, hashed. */

const RUNS = 31;
const TIMES = 500;

export interface CheckpointFigure {
  readonly gic: 2 | 3;
  readonly vcpus: number;
  readonly interrupts: number;
  /** Microseconds each, of the fastest of several runs. */
  readonly takeUs: number;
  readonly rollbackUs: number;
  readonly hashUs: number;
}

const GICS = [
  { version: 3, vcpus: 2, interrupts: 64 },
  { version: 3, vcpus: 8, interrupts: 992 },
  { version: 2, vcpus: 2, interrupts: 64 },
] as const;

function fastest(run: () => void): number {
  let least = Infinity;
  for (let n = 0; n < RUNS; n++) {
    const begin = process.hrtime.bigint();
    for (let k = 0; k < TIMES; k++) run();
    least = Math.min(least, Number(process.hrtime.bigint() - begin) / TIMES / 1000);
  }
  return least;
}

export function measureCheckpoints(): readonly CheckpointFigure[] {
  return GICS.map((config) => {
    const gic = new Gic(config);
    const checkpoint = new Checkpoint();
    const takeUs = fastest(() => gic.checkpoint(checkpoint));
    const rollbackUs = fastest(() => gic.rollback(checkpoint));
    const hashUs = fastest(() => gic.hash());
    return { gic: config.version, vcpus: config.vcpus, interrupts: config.interrupts, takeUs, rollbackUs, hashUs };
  });
}
