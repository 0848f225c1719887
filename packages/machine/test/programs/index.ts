import { readFileSync } from 'node:fs';

/** The names of the programs in this folder. */
export type ProgramName =
  | 'abandon'
  | 'abort'
  | 'echo'
  | 'hello'
  | 'poke'
  | 'reset'
  | 'sleep'
  | 'spin'
  | 'start-others'
  | 'timer'
  | 'timer-gicv2'
  | 'uart-timeout'
  | 'wild';

const programs = JSON.parse(readFileSync(new URL('programs.json', import.meta.url), 'utf8')) as Record<string, string>;

/** A program of this folder, position-independent, as a bare binary. */
export function testProgram(name: ProgramName): Uint8Array {
  return Uint8Array.from(Buffer.from(programs[name], 'base64'));
}
