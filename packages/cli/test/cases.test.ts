import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { vgic } from './vgic.js';

/**
 * Scripts in which interrupts were lost, invented or active for ever, with all that they read. What the architecture says
 * stands at the top of each.
 */
const CASES = {
  'clear-of-anothers-pending': ['0x0', false, '0x0', '0x3ff', '0x52', false, '0x3ff'],
  'dir-of-active-in-no-list-register': ['0x0'],
  'dir-on-another-vcpu': ['0x20', '0x0', '0x20'],
  'disabled-group': ['0x24'],
  'discard-of-pending': ['0x3ff', '0x3ff'],
  // SPI 33's line stays high: it is pending again after its end.
  'edge-to-level': ['0x2', '0x21', '0x2', '0x21'],
  'eoir-of-active-in-no-list-register': ['0x21', '0x20', '0x1', '0x0'],
  'gicr-waker': ['0x50', '0x6', '0x0', '0x6'],
  'gicv2-dir-of-active-in-no-list-register': ['0x0'],
  'its-unknown-control': [-6],
  'more-active-than-list-registers': ['0x20', '0x21', '0x22', '0x23', '0x24'],
  'pending-while-distributor-off': ['0x20', '0x1'],
  'wfi-with-groups-disabled': [false],
};

/** Of each answer that has one: the value read, whether an interrupt is pending, or the error. */
function read(line: string): unknown[] {
  const { value, pending, err } = JSON.parse(line);
  return [value, pending, err].filter((answer) => answer !== undefined);
}

describe('a script gives what the architecture says', () => {
  it.each(Object.entries(CASES))('%s', (name, expected) => {
    const { status, stdout, stderr } = vgic(['exec', fileURLToPath(new URL(`cases/${name}.jsonl`, import.meta.url))]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout.trimEnd().split('\n').flatMap(read)).toEqual(expected);
  });
});
