import type { Clock } from '../../src/index.js';

/** A clock that stands still, unless somebody moves it or waits for it: then it is at once that late. */
export class FakeClock implements Clock {
  #now = 1000;
  /** How long the waits were that took their time; Infinity for one that somebody has to end. */
  readonly waits: number[] = [];
  /** Called when a wait for ever begins, in its turn. */
  onIdle: () => void = () => {};

  now(): number {
    return this.#now;
  }

  pass(milliseconds: number): void {
    this.#now += milliseconds;
  }

  after(milliseconds: number, action: () => void): () => void {
    let wanted = true;
    if (milliseconds > 0) this.waits.push(milliseconds);
    setImmediate(() => {
      if (!wanted) return;
      if (milliseconds === Number.POSITIVE_INFINITY) {
        this.onIdle();
        return;
      }
      if (milliseconds > 0) this.pass(milliseconds);
      action();
    });
    return () => {
      wanted = false;
    };
  }
}
