import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { MachineConfig } from '../../src/index.js';
import { bootGuest, guestImage, LIMIT } from '../guest-run.js';
import { needsQemu, qemuIsHere, runOnQemu } from '../instructions/qemu.js';

const CASES = [
  'dir-on-another-vcpu',
  'distributor-off-and-on',
  'edge-to-level',
  'eoimode1-timer',
  'group-enables',
  'ispendr-of-active-level',
];
const image = guestImage('cases');

/** What a case must print: the indented lines of the comment at the top of its source. */
function right(name: string): string[] {
  const source = readFileSync(new URL(`../../../../guests/cases/${name}.c`, import.meta.url), 'utf8');
  const lines = [...source.slice(0, source.indexOf('*/')).matchAll(/^ \* {5}(.*)$/gm)].map((match) => match[1]);
  if (lines.length === 0) throw new Error(`guests/cases/${name}.c does not say what is right.`);
  return lines as string[];
}

/** Without the empty line that one case sends to have the UART's interrupt. */
const printed = (text: string): string[] => text.split(/\r?\n/).filter((line) => line !== '');

function onVgic(name: string, config: Partial<MachineConfig>): string[] {
  const { machine, text } = bootGuest(image, `case=${name}`, { vcpus: 2, ...config });
  expect(machine.run(LIMIT)).toEqual({ reason: 'off' });
  return printed(text());
}

describe('what got lost or invented, and does not', () => {
  describe.each([1, 2, 4])('with %i list registers', (listRegisters) => {
    it.each(CASES)('%s', (name) => {
      expect(onVgic(name, { listRegisters })).toEqual(right(name));
    });
  });

  it.skipIf(!qemuIsHere).each(CASES)(`%s, on QEMU${needsQemu}`, async (name) => {
    expect(printed(await runOnQemu(image, { gic: 3, vcpus: 2, append: `case=${name}` }))).toEqual(right(name));
  });

  it.each(CASES)('%s goes wrong as KVM 6.12 does it', (name) => {
    expect(onVgic(name, { kvm: '6.12' })).not.toEqual(right(name));
  });
});
