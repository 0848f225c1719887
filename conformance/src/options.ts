/** The command line of `npm run conformance`. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PROJECT } from './harness/oracle.js';
import { PROFILES } from './profiles/index.js';
import type { Profile } from './profiles/profile.js';

export const USAGE = `npm run conformance -- [options]

Runs the same random operations on Linux's own VGIC (left) and on vgic (right), and compares every answer.

  --operations N     operations to compare in all (default 6000000)
  --seed N           only this seed (default: the fixed seed 1 and a fresh one, half each)
  --sequence N       only this sequence of the seed
  --profile NAME     only this profile; may be repeated: ${PROFILES.map(({ name }) => name).join(', ')}
  --without KIND     leave out a kind of operation; may be repeated
  --left COMMAND     the left program (default: the oracle, built when needed)
  --right COMMAND    the right program (default: vgic exec --kvm 6.12)
  --replay FILE      run a script on both sides, show the answers, and end; may be repeated
  --lanes N          pairs of programs at work at the same time (default 2)
  --findings N       end after so many kinds of differences (default 10)
  --directory PATH   where the smallest sequences are written (default .cache/conformance)
  --coverage         list every register and operation with its count
  --no-regressions   leave out the scripts of conformance/regressions
  --help
`;

export interface Options {
  readonly operations: number;
  readonly seed: number | undefined;
  readonly sequence: number | undefined;
  readonly profiles: readonly Profile[];
  readonly left: readonly string[] | undefined;
  readonly right: readonly string[];
  readonly replay: readonly string[];
  readonly lanes: number;
  readonly findings: number;
  readonly directory: string;
  readonly coverage: boolean;
  readonly regressions: boolean;
}

/** A command line that is not understood: one sentence. */
export class OptionError extends Error {}

export function parseOptions(args: readonly string[]): Options | 'help' {
  let values: ReturnType<typeof read>;
  try {
    values = read(args);
  } catch (error) {
    throw new OptionError((error as Error).message);
  }
  if (values.help) return 'help';
  return {
    operations: number('operations', values.operations) ?? 6_000_000,
    seed: number('seed', values.seed),
    sequence: number('sequence', values.sequence),
    profiles: (values.profile?.map(profileNamed) ?? PROFILES).map((profile) => without(profile, values.without ?? [])),
    left: values.left === undefined ? undefined : words(values.left),
    right:
      values.right === undefined
        ? [process.execPath, join(PROJECT, 'packages/cli/bin/vgic.js'), 'exec', '--kvm', '6.12']
        : words(values.right),
    replay: values.replay ?? [],
    lanes: Math.max(1, number('lanes', values.lanes) ?? 2),
    findings: number('findings', values.findings) ?? 10,
    directory: values.directory ?? join(PROJECT, '.cache/conformance'),
    coverage: values.coverage ?? false,
    regressions: !values['no-regressions'],
  };
}

function read(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  return parseArgs({
    args: [...args],
    options: {
      operations: text, seed: text, sequence: text, left: text, right: text, lanes: text, findings: text, directory: text,
      profile: { type: 'string', multiple: true }, replay: { type: 'string', multiple: true }, without: { type: 'string', multiple: true },
      coverage: flag, 'no-regressions': flag, help: flag,
    },
  }).values; // biome-ignore format: a table
}

function number(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const parsed = Number(value);
  if (!Number.isSafeInteger(parsed) || parsed < 0) throw new OptionError(`--${name} takes a number, not '${value}'`);
  return parsed;
}

function profileNamed(name: string): Profile {
  const profile = PROFILES.find((candidate) => candidate.name === name);
  if (!profile) throw new OptionError(`there is no profile '${name}'`);
  return profile;
}

const without = (profile: Profile, kinds: readonly string[]): Profile => ({
  ...profile,
  kinds: profile.kinds.filter(([, kind]) => !kinds.includes(kind)),
});

const words = (command: string): string[] => command.split(' ').filter((word) => word !== '');
