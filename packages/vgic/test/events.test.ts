import { describe, expect, it } from 'vitest';
import { GIC_EVENTS, type Gic, GicError, restoreGic, SYSTEM_REGISTERS, saveGic } from '../src/index.js';
import { Guest } from './guest.js';
import { ItsGuest } from './its-guest.js';

/** Every event of a GIC, as a line of text; of frames and commands the name. */
function traced(gic: Gic): string[] {
  const lines: string[] = [];
  gic.events.onAny((name, ...values) => {
    const texts = values.map((value) => (typeof value === 'object' ? '…' : String(value)));
    lines.push([name, ...texts].join(' '));
  });
  return lines;
}

const only = (lines: readonly string[], ...names: string[]) =>
  lines.filter((line) => names.includes(line.split(' ')[0]));

describe('the events of a GIC', () => {
  it('tell the way of an edge from the line to its deactivation', () => {
    const guest = Guest.ready();
    guest.spi(40, { edge: true });
    const lines = traced(guest.gic);
    guest.gic.setLine(40, true);
    guest.enter();
    const intid = guest.acknowledge();
    guest.end(intid);
    guest.gic.exit(0);
    expect(lines.filter((line) => !line.startsWith('filled') && !line.startsWith('folded'))).toEqual([
      'latch -1 40 1',
      'line -1 40 1',
      'queued 0 40',
      'kick 0',
      'acknowledged 0 40 160 1',
      `systemRegisterRead 0 0 ${SYSTEM_REGISTERS.ICC_IAR1_EL1} 40`,
      `systemRegisterWritten 0 0 ${SYSTEM_REGISTERS.ICC_EOIR1_EL1} 40`,
      'priorityDropped 0 40 160',
      'deactivated 0 40',
    ]);
    expect(only(lines, 'filled', 'folded').map((line) => line.split(' ').slice(0, 4))).toEqual([
      ['filled', '0', '0', '40'],
      ['folded', '0', '0', '40'],
    ]);
  });

  it('tell the same of a GICv2', () => {
    const guest = Guest.ready({ version: 2, vcpus: 2 });
    const lines = traced(guest.gic);
    guest.sendSgi(5, [1], 0);
    guest.enter(1);
    const iar = guest.acknowledge(1);
    guest.end(iar, 1);
    expect(only(lines, 'latch', 'queued', 'acknowledged', 'priorityDropped', 'deactivated')).toEqual([
      'latch 1 5 1',
      'queued 1 5',
      'acknowledged 1 5 160 0',
      'priorityDropped 1 5 160',
      'deactivated 1 5',
    ]);
  });

  it('tell of registers: who reads or writes which, guest and userspace', () => {
    const guest = Guest.ready();
    const seen: unknown[] = [];
    guest.gic.events.on('registerWritten', (requester, vcpu, frame, offset, width, low) => {
      seen.push([requester, vcpu, frame.at(offset)?.name, width, low]);
    });
    guest.gic.events.on('registerRead', (requester, _vcpu, frame, offset, _width, low) => {
      seen.push([requester, frame.at(offset)?.name, low]);
    });
    guest.store('GICD_ISENABLER', 0xffffffff, 4);
    guest.load('GICD_ISENABLER', 4);
    saveGic(guest.gic);
    expect(seen[0]).toEqual([0, 0, 'GICD_ISENABLER', 4, -1]);
    expect(seen[1]).toEqual([0, 'GICD_ISENABLER', -1]);
    expect(seen).toContainEqual([-1, 'GICD_ISENABLER', -1]);
  });

  it('tell of commands, LPIs, saves and restores, and of the end of a level-sensitive SPI', () => {
    const its = ItsGuest.ready({ vcpus: 2 });
    const lines = traced(its.gic);
    const commands: (string | undefined)[] = [];
    its.gic.events.on('command', (_its, command) => commands.push(command.name));
    its.mapDevice(1);
    its.mapEvent(1, 0, 8192, 1);
    its.msi(1, 0);
    expect(commands).toEqual(['MAPD', 'MAPTI']);
    expect(only(lines, 'command', 'latch', 'queued', 'kick')).toEqual([
      ...['command 0 …', 'command 0 …', 'latch -1 8192 1', 'queued 1 8192', 'kick 1'],
    ]);
    const saved = saveGic(its.gic);
    const twin = ItsGuest.arrived(its, its.memory.bytes.slice());
    const twinLines = traced(twin.gic);
    restoreGic(twin.gic, saved);
    expect(only(lines, 'saved')).toEqual(['saved']);
    expect(twinLines.at(-1)).toBe('restored');

    const guest = Guest.ready();
    guest.spi(40);
    const resampled = traced(guest.gic);
    guest.gic.setLine(40, true);
    guest.enter();
    guest.end(guest.acknowledge());
    guest.gic.exit(0);
    expect(only(resampled, 'resample', 'maintenance')).toEqual(['maintenance 0 1', 'resample 40']);
  });

  it('reach every listener, in the order in which they came, each until it is ended', () => {
    const { gic } = Guest.ready();
    const heard: string[] = [];
    const first = gic.events.on('kick', () => heard.push('first'));
    const again = () => heard.push('again');
    const ends = [gic.events.on('kick', again), gic.events.on('kick', again)];
    gic.irqs.kick(0);
    expect(heard).toEqual(['first', 'again', 'again']);
    ends[1]();
    ends[1]();
    first();
    gic.irqs.kick(0);
    expect(heard.slice(3)).toEqual(['again']);
    ends[0]();
    expect(gic.events.kick).toBeUndefined();
  });

  it('have a vocabulary in which each is described, with as many arguments as it is told with', () => {
    const guest = Guest.ready();
    const wrong: string[] = [];
    const heard = new Set<string>();
    guest.gic.events.onAny((name, ...values) => {
      heard.add(name);
      if (values.length !== GIC_EVENTS[name].arguments.length || values.includes(undefined)) wrong.push(name);
    });
    guest.spi(40, { edge: true });
    guest.gic.setLine(40, true);
    expect(guest.serve()).toEqual([40]);
    expect(wrong).toEqual([]);
    expect(heard.size).toBeGreaterThan(8);
    for (const { meaning } of Object.values(GIC_EVENTS)) expect(meaning).toMatch(/^[A-Z].*\.$/);
  });

  it('that there are not are refused, and a listener that is none', () => {
    const { events } = Guest.ready().gic;
    const on = events.on as (name: string, listener: unknown) => void;
    expect(() => on.call(events, 'kicks', () => {})).toThrow(GicError);
    expect(() => on.call(events, 'kicks', () => {})).toThrow(/event: one of line, latch, .* not "kicks"/);
    expect(() => on.call(events, 'kick', undefined)).toThrow(/listener: a function, not undefined/);
  });

  it('don’t let a listener that throws disturb the GIC or other listeners', async () => {
    const guest = Guest.ready();
    guest.spi(40, { edge: true });
    const errors: unknown[] = [];
    const process = (globalThis as unknown as { process: import('node:events').EventEmitter }).process;
    const others = process.listeners('unhandledRejection') as ((error: unknown) => void)[];
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', (error: unknown) => errors.push(error));
    try {
      const heard: string[] = [];
      for (const name of ['latch', 'queued', 'kick', 'filled', 'folded', 'acknowledged'] as const) {
        guest.gic.events.on(name, () => {
          throw new Error(name);
        });
        guest.gic.events.on(name, () => heard.push(name));
      }
      guest.gic.setLine(40, true);
      expect(guest.serve()).toEqual([40]);
      expect(heard).toEqual(['latch', 'queued', 'kick', 'filled', 'acknowledged', 'folded']);
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect(errors.map((error) => (error as Error).message)).toEqual(heard);
    } finally {
      process.removeAllListeners('unhandledRejection');
      for (const each of others) process.on('unhandledRejection', each);
    }
  });
});
