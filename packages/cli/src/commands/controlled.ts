import type { Command } from 'commander';
import { ControlServer } from '../control/server.js';
import { socketPath } from '../migration/address.js';
import { Refusal } from '../refusal.js';

export interface ControlOptions {
  control?: string;
  paused?: true;
  pace?: true;
}

/** The options `--control`, `--paused` and `--pace` of a command. */
export function addControlOptions(command: Command): Command {
  return command
    .option('--control <socket>', 'take commands at this unix socket, see "vgic control"', socketPath)
    .option('--paused', 'let the guest stand until "resume" comes over the control socket')
    .option('--pace', "let the guest's time go no faster than the clock, also with pipes or files");
}

/** Does something while there is a control socket, if one is asked for. */
export async function controlled(
  { control: path, paused }: ControlOptions,
  action: (control: ControlServer | undefined) => Promise<void>,
): Promise<void> {
  if (path === undefined && paused) throw new Refusal('A guest that is --paused needs --control SOCKET to go on.');
  const control = path === undefined ? undefined : await ControlServer.open(path);
  try {
    await action(control);
  } finally {
    control?.close();
  }
}
