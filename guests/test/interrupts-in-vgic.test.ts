import { readFileSync } from 'node:fs';
import { Machine } from '@vgic/machine';
import { describe, expect, it } from 'vitest';
import { outputPath, recordedRuns } from '../qemu.mjs';

const kernel = readFileSync(new URL('../interrupts/interrupts.bin', import.meta.url));
/** Much more than any run takes, with its waits that time out. */
const LIMIT = 20_000_000_000;

function boot(vcpus: number, append: string) {
  const machine = new Machine({ vcpus, memory: 16 << 20, gic: 3 });
  machine.load({ kernel, name: 'interrupts', append });
  return listen(machine);
}

function listen(machine: Machine) {
  const guest = { machine, text: '' };
  machine.onConsoleOutput = (byte) => {
    if (byte !== 13) guest.text += String.fromCharCode(byte);
    if (guest.text.endsWith('every state at once')) machine.stop();
  };
  return guest;
}

function finish({ machine }: ReturnType<typeof listen>) {
  let outcome = machine.run(LIMIT);
  while (outcome.reason === 'stopped') outcome = machine.run(LIMIT);
  expect(outcome).toEqual({ reason: 'off' });
}

describe('the guest "interrupts" on vgic', () => {
  it.each(recordedRuns)('prints what it prints in QEMU, on $vcpus vCPUs with $rounds rounds', (run) => {
    const guest = boot(run.vcpus, `rounds=${run.rounds}`);
    finish(guest);
    expect(guest.text).toBe(readFileSync(outputPath(run), 'utf8'));
  });

  // Negative controls from outside the guest, in the plateau: GICD_ICPENDR takes an SPI that is pending,
  // GICD_ISPENDR adds one that is not.
  const tampering = [
    {
      what: 'taken away',
      register: 0x280,
      intid: 210,
      line: /^error SPI 210: sent (\d+), taken (\d+)$/m,
      difference: -1,
    },
    { what: 'added', register: 0x200, intid: 196, line: /^error SPI 196: sent (\d+), taken (\d+)$/m, difference: 1 },
  ];
  it.each(tampering)('names the SPI that was $what behind its back', ({ register, intid, line, difference }) => {
    const guest = boot(4, 'rounds=2 timeout=2');
    expect(guest.machine.run(LIMIT)).toEqual({ reason: 'stopped' });
    const address = 0x0800_0000 + register + Math.floor(intid / 32) * 4;
    guest.machine.gic.write(1, address, 4, (1 << (intid % 32)) >>> 0, 0);
    finish(guest);
    const [, sent, taken] = (line.exec(guest.text) ?? []).map(Number);
    expect(taken - sent).toBe(difference);
    expect(guest.text).toMatch(/\nFAIL .+\n$/);
  });
});
