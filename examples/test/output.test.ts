import { describe, expect, it } from 'vitest';
import { EXAMPLES, outputOf, promiseOf } from './example.js';

describe('an example prints what the comment at its top promises', () => {
  it.each(EXAMPLES)('%s', async (name) => {
    expect(promiseOf(name)).not.toEqual([]);
    expect(await outputOf(name)).toEqual(promiseOf(name));
  });
});

it('there are examples of all that the documents begin with', () => {
  expect(EXAMPLES).toEqual(
    expect.arrayContaining(['board', 'kvm-device-api', 'machine', 'msi-device', 'save-move-restore', 'ten-lines']),
  );
});
