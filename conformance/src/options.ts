/** The command line of `npm run conformance`. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { kvmNamed } from 'vgic';
import { PROJECT } from './harness/oracle.js';
import { PROFILES } from './profiles/index.js';
import type { Profile } from './profiles/profile.js';
import { SEQUENCE_ORACLES, type SequenceOracle } from './specification/oracles.js';

/** Linux's VGIC as a judge. */
export const LINUX = { name: 'kvm', about: "Linux's own VGIC, of 6.12", operations: 6_000_000 } as const;
const JUDGES = [LINUX, ...SEQUENCE_ORACLES];

export const USAGE = `npm run conformance -- [options]

Runs random operations and compares every answer: those of Linux's own VGIC (left) and of vgic (right), and in this process those of a
Gic with what the architecture says.

  --oracle NAME      only this judge; may be repeated:
${JUDGES.map(({ name, about, operations }) => `                     ${name.padEnd(15)} ${about} (${operations} operations)`).join('\n')}
  --operations N     operations to compare, by each judge
  --seed N           only this seed (default: the fixed seed 1 and a fresh one, half each)
  --sequence N       only this sequence of the seed
  --profile NAME     only this profile; may be repeated: ${PROFILES.map(({ name }) => name).join(', ')}
  --without KIND     leave out a kind of operation; may be repeated
  --kvm NAME         what the Gic has of a KVM, where the architecture is the judge: 6.12, or names of deviations
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
  /** Whether Linux's VGIC is a judge, and which others are. */
  readonly linux: boolean;
  readonly oracles: readonly SequenceOracle[];
  /** By each judge; undefined: as many as is usual. */
  readonly operations: number | undefined;
  readonly kvm: string | undefined;
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
  const oracles = values.oracle ?? JUDGES.map(({ name }) => name);
  const unknown = oracles.find((name) => !JUDGES.some((judge) => judge.name === name));
  if (unknown !== undefined) throw new OptionError(`there is no oracle '${unknown}'`);
  return {
    linux: oracles.includes(LINUX.name),
    oracles: SEQUENCE_ORACLES.filter(({ name }) => oracles.includes(name)),
    operations: number('operations', values.operations),
    kvm: values.kvm === undefined ? undefined : checkedKvm(values.kvm),
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
      kvm: text, oracle: { type: 'string', multiple: true }, profile: { type: 'string', multiple: true }, replay: { type: 'string', multiple: true }, without: { type: 'string', multiple: true },
      coverage: flag, 'no-regressions': flag, help: flag,
    },
  }).values; // biome-ignore format: a table
}

function checkedKvm(text: string): string {
  try {
    kvmNamed(text);
    return text;
  } catch (error) {
    throw new OptionError((error as Error).message);
  }
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
