import type { PaceLimits } from '@vgic/machine';
import { InvalidArgumentError } from 'commander';
import { type Address, parseAddress } from '../migration/address.js';

/**
 * The control socket speaks JSON, one object a line. A request is { "command": NAME, parameters ... } and may have an
 * "id". Each gets one answer, in order: { "ok": true, ... } or { "ok": false, "error": SENTENCE }, with the request's "id".
 * Lines with "event" instead of "ok" may come in between.
 */

type Check = (value: unknown) => string | undefined;

interface Parameter {
  check: Check;
  required?: true;
}

const text: Check = (value) => (typeof value === 'string' && value !== '' ? undefined : 'a text');
const flag: Check = (value) => (typeof value === 'boolean' ? undefined : 'true or false');
const number =
  (least: number, most: number): Check =>
  (value) =>
    typeof value === 'number' && value >= least && value <= most ? undefined : `a number from ${least} to ${most}`;
const oneOf =
  (...words: string[]): Check =>
  (value) =>
    words.includes(value as string) ? undefined : words.map((word) => `"${word}"`).join(' or ');

export const LONGEST_DOWNTIME = 3_600_000;
export const MOST_ROUNDS = 10_000;

/** The commands and their parameters. */
export const COMMANDS = {
  status: {},
  pause: {},
  resume: { force: { check: flag } },
  quit: {},
  snapshot: { file: { check: text, required: true } },
  migrate: {
    destination: { check: text, required: true },
    downtimeLimit: { check: number(0, LONGEST_DOWNTIME) },
    rounds: { check: number(1, MOST_ROUNDS) },
    throttle: { check: flag },
    atLast: { check: oneOf('stop', 'give-up') },
    compress: { check: flag },
  },
  'migrate-cancel': {},
} as const satisfies Record<string, Record<string, Parameter>>;

export type CommandName = keyof typeof COMMANDS;

export interface MigrateRequest {
  destination: string;
  downtimeLimit?: number;
  rounds?: number;
  throttle?: boolean;
  atLast?: 'stop' | 'give-up';
  compress?: boolean;
}

export type ControlRequest =
  | { command: 'status' | 'pause' | 'quit' | 'migrate-cancel' }
  | { command: 'resume'; force?: boolean }
  | { command: 'snapshot'; file: string }
  | ({ command: 'migrate' } & MigrateRequest);

/** What a request may not be: one sentence. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest';
}

/** The request of a line, checked; BadRequest otherwise. `id` is whatever the line has as such. */
export function parseRequest(line: string): { id: unknown; request: ControlRequest | BadRequest } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { id: undefined, request: new BadRequest('The line is not JSON.') };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { id: undefined, request: new BadRequest('The line is not an object with a "command".') };
  }
  const { id, command, ...given } = value as Record<string, unknown>;
  const problem = problemOf(command, given);
  return { id, request: problem ? new BadRequest(problem) : ({ command, ...given } as ControlRequest) };
}

function problemOf(command: unknown, given: Record<string, unknown>): string | undefined {
  if (typeof command !== 'string' || !Object.hasOwn(COMMANDS, command)) {
    return `The command is none of ${Object.keys(COMMANDS).join(', ')}.`;
  }
  const parameters: Record<string, Parameter> = COMMANDS[command as CommandName];
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(parameters, name)) return `${command} has no parameter ${JSON.stringify(name.slice(0, 40))}.`;
    const wanted = parameters[name].check(value);
    if (wanted) return `The parameter "${name}" of ${command} is ${wanted}.`;
  }
  for (const [name, { required }] of Object.entries(parameters)) {
    if (required && given[name] === undefined) return `${command} needs the parameter "${name}".`;
  }
  return undefined;
}

/** Where a migration goes, and its limits. */
export function migrationOf(request: MigrateRequest): { address: Address; limits: Partial<PaceLimits> } {
  let address: Address;
  try {
    address = parseAddress(request.destination);
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw new BadRequest(`The destination is wrong. ${error.message}`);
    throw error;
  }
  const { downtimeLimit, rounds, throttle, atLast } = request;
  const limits: Partial<PaceLimits> = {
    ...(downtimeLimit !== undefined && { downtime: downtimeLimit }),
    ...(rounds !== undefined && { rounds }),
    ...(throttle !== undefined && { throttle }),
    ...(atLast !== undefined && { atLast }),
  };
  return { address, limits };
}
