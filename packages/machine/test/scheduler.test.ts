import { describe, expect, it } from 'vitest';
import { checkScheduleState, Scheduler } from '../src/scheduler.js';

const nothing = () => false;

function running(vcpus: number): Scheduler {
  const scheduler = new Scheduler(vcpus, 100);
  for (let vcpu = 1; vcpu < vcpus; vcpu++) {
    scheduler.powerOn(vcpu, { entry: 0n, context: 0n });
    scheduler.takeStart(vcpu);
  }
  return scheduler;
}

describe('the scheduler', () => {
  it('lets vCPU 0 begin alone', () => {
    const scheduler = new Scheduler(3, 100);
    expect([0, 1, 2].map((vcpu) => scheduler.power(vcpu))).toEqual(['on', 'off', 'off']);
    expect(scheduler.next(nothing)).toBe(0);
    expect(scheduler.remaining).toBe(100);
  });

  it('gives each vCPU its turn, however the turn is cut into pieces', () => {
    const scheduler = running(3);
    const order: number[] = [];
    for (let piece = 0; piece < 24; piece++) {
      const vcpu = scheduler.next(nothing);
      if (order.at(-1) !== vcpu) order.push(vcpu);
      scheduler.spend(piece % 2 === 0 ? 30 : 70);
    }
    expect(order.slice(0, 7)).toEqual([0, 1, 2, 0, 1, 2, 0]);
  });

  it('passes over a vCPU that waits until an interrupt is pending for it', () => {
    const scheduler = running(2);
    scheduler.next(nothing);
    scheduler.wait(0);
    expect(scheduler.next(nothing)).toBe(1);
    scheduler.endTurn();
    expect(scheduler.next(nothing)).toBe(1);
    scheduler.endTurn();
    expect(scheduler.next((vcpu) => vcpu === 0)).toBe(0);
    expect(scheduler.isWaiting(0)).toBe(false);
  });

  it('has nobody when all wait, and the same one again when it alone is woken', () => {
    const scheduler = running(1);
    scheduler.next(nothing);
    scheduler.wait(0);
    expect(scheduler.next(nothing)).toBe(-1);
    expect(scheduler.next(() => true)).toBe(0);
  });

  it('knows a vCPU that was switched on as pending until it starts', () => {
    const scheduler = new Scheduler(2, 100);
    scheduler.powerOn(1, { entry: 0x4000_0000n, context: 7n });
    expect(scheduler.power(1)).toBe('pending');
    scheduler.endTurn();
    expect(scheduler.next(nothing)).toBe(1);
    expect(scheduler.takeStart(1)).toEqual({ entry: 0x4000_0000n, context: 7n });
    expect(scheduler.power(1)).toBe('on');
    expect(scheduler.takeStart(1)).toBeUndefined();
  });

  it('knows when all are off', () => {
    const scheduler = new Scheduler(1, 100);
    expect(scheduler.allOff).toBe(false);
    scheduler.powerOff(0);
    expect(scheduler.allOff).toBe(true);
    expect(scheduler.next(() => true)).toBe(-1);
  });

  it('goes on after save and restore as it would have, with the rest of the turn', () => {
    const scheduler = running(3);
    scheduler.next(nothing);
    scheduler.wait(0);
    scheduler.next(nothing);
    scheduler.spend(42);
    const state = JSON.parse(JSON.stringify(scheduler.save()));
    expect(checkScheduleState(state, 3, 100)).toBeUndefined();
    const copy = new Scheduler(3, 100);
    copy.restore(state);
    expect(copy.next(nothing)).toBe(1);
    expect(copy.remaining).toBe(58);
    expect(copy.isWaiting(0)).toBe(true);
    expect(copy.save()).toEqual(state);
  });
});
