import { describe, expect, it } from 'vitest';
import { lineOf } from '../../src/generator/protocol.js';
import { Sequence } from '../../src/generator/sequence.js';
import { generate } from '../../src/profiles/generate.js';
import { PROFILES } from '../../src/profiles/index.js';

/** A sequence's lines when every answer is the same. */
function linesOf(profile: string, seed: number, stream: number): string[] {
  const about = PROFILES.find(({ name }) => name === profile)!;
  const lines: string[] = [];
  const steps = generate(new Sequence(about, seed, stream), about);
  for (let step = steps.next(); !step.done; ) {
    lines.push(...step.value.operations.map(lineOf));
    step = steps.next(step.value.operations.map(() => '{"value":"0x21"}'));
  }
  return lines;
}

describe('a random sequence', () => {
  it.each(PROFILES.map(({ name }) => name))('of profile %s is the same for the same seed and answers', (name) => {
    expect(linesOf(name, 42, 3)).toEqual(linesOf(name, 42, 3));
  });

  it.each(PROFILES.map(({ name }) => name))('of profile %s is another for another seed or number', (name) => {
    expect(linesOf(name, 42, 3)).not.toEqual(linesOf(name, 43, 3));
    expect(linesOf(name, 42, 3)).not.toEqual(linesOf(name, 42, 4));
  });

  it('begins with a create and ends by destroying what it made', () => {
    const lines = linesOf('migration', 1, 1);
    expect(lines[0]).toContain('"op":"create"');
    expect(lines.at(-1)).toContain('"op":"destroy"');
  });
});
