import { type Machine, readSnapshot, SnapshotError } from '@vgic/machine';
import { Command } from 'commander';
import { Refusal } from '../refusal.js';
import { addSaveOptions, type SaveOptions, saveRequest } from '../save-request.js';
import { Session } from '../session.js';
import { addControlOptions, type ControlOptions, controlled } from './controlled.js';
import { CONSOLE_HELP } from './help.js';

const HELP = `
The guest goes on at the instruction before which it was saved, and does exactly what it would have done there.
${CONSOLE_HELP}

Examples:
  vgic restore guest.snapshot
  vgic restore guest.snapshot --save later.snapshot --at 2s`;

/** `vgic restore` */
export function restoreCommand(): Command {
  const command = new Command('restore')
    .description('Go on with a guest that was saved')
    .argument('<file>', 'the snapshot');
  return addControlOptions(addSaveOptions(command))
    .addHelpText('after', HELP)
    .action(async (file: string, options: SaveOptions & ControlOptions) => {
      const save = saveRequest(options);
      const machine = restoreMachine(file);
      await controlled(options, (control) => new Session(machine, { save, control, paused: options.paused }).run());
    });
}

/** The machine of a snapshot file; Refusal with one sentence when it cannot be restored. */
export function restoreMachine(file: string): Machine {
  try {
    return readSnapshot(file);
  } catch (error) {
    if (error instanceof SnapshotError) throw new Refusal(error.message);
    throw error;
  }
}
