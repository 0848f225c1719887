import { describe, expect, it } from 'vitest';
import { compare } from '../../src/harness/comparison.js';

describe('the comparison', () => {
  const operation = { op: 'flush' };

  it('takes answers as equal whatever the order of their fields', () => {
    expect(compare(operation, '{"a":1,"b":["0x1"]}', '{"b":["0x1"],"a":1}').kind).toBe('same');
  });

  it('does not count messages and the warnings of the kernel about itself', () => {
    expect(compare(operation, '{"err":-22,"msg":"bad","warnings":1}', '{"err":-22}').kind).toBe('same');
  });

  it.each([
    ['another value', '{"value":"0x1"}', '{"value":"0x2"}', ['value']],
    ['another form of the same number', '{"value":"0x1"}', '{"value":"0x01"}', ['value']],
    ['a field more', '{"ret":0}', '{"ret":0,"value":"0x0"}', ['value']],
    ['an error instead of a result', '{"ret":0}', '{"err":-22}', ['ret', 'err']],
    ['an element less', '{"lrs":["0x0","0x0"]}', '{"lrs":["0x0"]}', ['lrs']],
    ['what is not JSON', '{"ret":0}', 'Segmentation fault', ['JSON']],
  ])('finds %s', (_what, left, right, fields) => {
    expect(compare(operation, left, right)).toEqual({ kind: 'different', fields });
  });
});

describe('the declared difference of restores', () => {
  const restore = { op: 'set_attr', dev: 'its0', group: 4, attr: 2 };
  const took = '{"ret":0}';
  const refused = '{"err":-22}';
  const dump = (lpis: number, ...shown: number[]) =>
    JSON.stringify({
      text: `nr_lpis:\t${lpis}\n${shown.map((intid) => `       LPI ${intid}     0 1000000 \n`).join('')}`,
    });
  const proof = { operation: { op: 'vgic_state' }, left: '{"err":-40}' };

  it.each([
    ['a state dump that never ends', '{"err":-40}'],
    ['a state dump that shows another LPI in its place', dump(2, 8192, 8192)],
  ])('is excused with the proof of %s', (_what, left) => {
    expect(compare(restore, took, refused, { ...proof, left }).kind).toBe('declared');
  });

  it.each([
    ['without a proof', restore, took, refused, undefined],
    ['with a state dump that shows all LPIs', restore, took, refused, { ...proof, left: dump(2, 8192, 8193) }],
    [
      'with a state dump of another machine',
      restore,
      took,
      refused,
      { ...proof, operation: { op: 'vgic_state', vm: 1 } },
    ],
    ['before another operation', restore, took, refused, { ...proof, operation: { op: 'pending' } }],
    ['with another error', restore, took, '{"err":-14}', proof],
    ['where KVM fails too', restore, '{"err":-14}', refused, proof],
    ['the other way round', restore, refused, took, proof],
    ['of a save', { ...restore, attr: 1 }, took, refused, proof],
    ['of the GIC itself', { op: 'set_attr', group: 4, attr: 2 }, took, refused, proof],
  ])('is a difference %s', (_what, operation, left, right, next) => {
    expect(compare(operation, left, right, next).kind).toBe('different');
  });
});
