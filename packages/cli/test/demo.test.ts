import { describe, expect, it } from 'vitest';
import type { DemoReport } from '../src/index.js';
import { vgic } from './vgic.js';

describe('vgic demo', () => {
  it('saves interrupts in every state, restores them in another process, and loses none', () => {
    const { status, stdout, stderr } = vgic(['demo', '--json']);
    expect([status, stderr]).toEqual([0, '']);
    const demo = JSON.parse(stdout) as DemoReport;
    expect(demo.total.lost).toBe(0);
    expect(demo.total.spurious).toBe(0);
    expect(demo.total.taken).toBe(demo.total.sent);
    expect(demo.total.sent).toBeGreaterThan(10_000);
    for (const kind of ['SGI', 'PPI virtual timer', 'PPI physical timer', 'SPI UART', 'SPI software']) {
      expect(demo.kinds[kind].sent).toBeGreaterThan(0);
    }
    const { pending, active, activePending, latched, lineHigh, queued } = demo.stateAtSave;
    for (const count of [pending, active, activePending, latched, lineHigh, queued]) expect(count).toBeGreaterThan(0);
    expect(demo.pids.saved).not.toBe(demo.pids.restored);
    expect(demo.time.end).toBeGreaterThan(demo.time.save);
  });

  it('prints a report that a person can read', () => {
    const { status, stdout } = vgic(['demo']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/No interrupt was lost, none was spurious/);
    expect(stdout).toMatch(/total +\d+ +\d+ +0 +0\n/);
    expect(stdout.split('\n').length).toBeLessThan(40);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });
});
