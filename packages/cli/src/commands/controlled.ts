import type { Command } from 'commander';
import { ControlServer } from '../control/server.js';
import { socketPath } from '../migration/address.js';

export interface ControlOption {
  control?: string;
}

/** The option `--control` of a command. */
export function addControlOption(command: Command): Command {
  return command.option('--control <socket>', 'take commands at this unix socket, see "vgic control"', socketPath);
}

/** Does something while there is a control socket, if one is asked for. */
export async function controlled(
  path: string | undefined,
  action: (control: ControlServer | undefined) => Promise<void>,
): Promise<void> {
  const control = path === undefined ? undefined : await ControlServer.open(path);
  try {
    await action(control);
  } finally {
    control?.close();
  }
}
