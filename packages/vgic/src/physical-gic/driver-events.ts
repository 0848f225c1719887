import { type EventTable, eventsOf } from '../events.js';
import type { CommandName, FieldName, VirtualCommandName } from '../its/commands.js';

/** Fields of a command by name; those that are left out are 0. */
export type Fields = Partial<Record<FieldName, number>>;

/** What a GICv4 driver does: see {@link DRIVER_EVENTS}. `vpe` is a vPEID, of which all virtual machines have their own. */
export interface DriverEventListeners {
  command(name: CommandName | VirtualCommandName, fields: Readonly<Fields>): void;
  resident(vpe: number, cpu: number, group0: number, group1: number): void;
  nonResident(vpe: number, doorbell: number, pendingLast: number): void;
}

const VPE = ['vpe', 'The vPEID.'] as const;

/** The vocabulary of a GICv4 driver. */
export const DRIVER_EVENTS: EventTable<DriverEventListeners> = {
  command: {
    meaning: 'The driver is about to have the host’s ITS carry a command out.',
    arguments: [
      ['name', 'The command.'],
      ['fields', 'Those of its fields that the driver gives.'],
    ],
  },
  resident: {
    meaning: 'The driver is about to make a vPE resident.',
    arguments: [
      VPE,
      ['cpu', 'The physical CPU.'],
      ['group0', 'Whether group 0 is enabled: 1 or 0.'],
      ['group1', 'Whether group 1 is.'],
    ],
  },
  nonResident: {
    meaning: 'The driver has made a vPE non-resident.',
    arguments: [
      VPE,
      ['doorbell', 'Whether a doorbell was asked for: 1 or 0.'],
      ['pendingLast', 'GICR_VPENDBASER.PendingLast.'],
    ],
  },
};

/** The events of a GICv4 driver, told in the middle of an operation: listeners look, and don't touch. */
export class DriverEvents extends eventsOf<DriverEventListeners>({ command: 2, resident: 4, nonResident: 3 }) {}
