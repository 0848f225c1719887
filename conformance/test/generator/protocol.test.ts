import { describe, expect, it } from 'vitest';
import { hex64, lineOf, parseScript } from '../../src/generator/protocol.js';

describe('the protocol', () => {
  it('reads a script with comments, blank lines and lines that are no commands', () => {
    expect(parseScript('# a comment\n\n{"op":"flush","vcpu":1}\nnonsense\n').map(lineOf)).toEqual([
      '{"op":"flush","vcpu":1}',
      'nonsense',
    ]);
  });

  it('writes 64-bit values from their halves', () => {
    expect(hex64(0, 0x10)).toBe('0x10');
    expect(hex64(0x12, 0x10)).toBe('0x1200000010');
    expect(hex64(0xffffffff, 0xffffffff)).toBe('0xffffffffffffffff');
  });
});
