import { Command, Option } from 'commander';
import { controlClient } from '../control/client.js';
import { LONGEST_DOWNTIME, type MigrateRequest, MOST_ROUNDS } from '../control/requests.js';
import type { Line } from '../control/server.js';
import { type Address, formatAddress, parseAddress } from '../migration/address.js';
import { MigrationDisplay, summary } from '../migration/display.js';
import { Refusal, STATUS } from '../refusal.js';
import { oneOf, wholeNumber } from '../values.js';

interface MigrateOptions {
  downtimeLimit: number;
  rounds: number;
  throttle: boolean;
  atLast: 'stop' | 'give-up';
  compress?: true;
  json?: true;
}

const AT_LAST = ['give-up', 'stop'] as const;

const HELP = `
The guest goes on while its memory is sent, then stands still for a moment and
goes on at the destination: "vgic run --incoming ADDRESS" with the same machine
options, started before. The source ends with exit status 0 when the destination
runs. If anything fails the guest goes on where it was, and has noticed nothing.
With file:PATH the machine is written to a file as it stands, and the source
ends.

Ctrl-C calls the migration off.

Exit status: 0 the destination runs (or the file is written), 1 the guest goes
on where it was, 2 bad options.

Examples:
  vgic run --kernel guest.elf --control guest.control
  vgic run --incoming unix:guest.incoming
  vgic migrate guest.control unix:guest.incoming`;

/** `vgic migrate` */
export function migrateCommand(): Command {
  return new Command('migrate')
    .description('Move a running machine to another process')
    .argument('<socket>', 'the control socket of the machine')
    .argument('<destination>', 'unix:PATH, tcp:HOST:PORT or file:PATH', parseAddress)
    .option('--downtime-limit <ms>', 'how long the guest may stand still', wholeNumber(0, LONGEST_DOWNTIME), 300)
    .option('--rounds <n>', 'the most rounds over its memory', wholeNumber(1, MOST_ROUNDS), 30)
    .option('--no-throttle', 'never hold back a guest that dirties its memory faster than it can be sent')
    .addOption(
      new Option('--at-last <what>', 'when no round was good enough')
        .choices(AT_LAST)
        .argParser(oneOf(AT_LAST))
        .default('give-up'),
    )
    .option('--compress', 'compress memory while the guest runs, for a slow connection')
    .option('--json', 'print each event as a line of JSON')
    .addHelpText('after', HELP)
    .action(migrate);
}

async function migrate(socket: string, destination: Address, options: MigrateOptions): Promise<void> {
  const client = await controlClient(socket);
  const { json, compress, ...limits } = options;
  const request: MigrateRequest = { destination: formatAddress(destination), ...limits, ...(compress && { compress }) };
  const display = json ? undefined : new MigrationDisplay();
  const cancel = () => client.send({ command: 'migrate-cancel' });
  process.once('SIGINT', cancel);
  try {
    client.send({ command: 'migrate', ...request });
    for await (const line of client.lines) {
      if (line.ok === false) throw new Refusal(String(line.error), STATUS.failed);
      if (line.event !== 'migration') continue;
      if (json) process.stdout.write(`${JSON.stringify(line)}\n`);
      display?.show(line);
      if (line.phase === 'moved' || line.phase === 'failed') {
        display?.end();
        conclude(line, json === true);
        return;
      }
    }
    throw new Refusal('The source has hung up; what became of the migration is not known.', STATUS.failed);
  } finally {
    process.off('SIGINT', cancel);
    display?.end();
    client.close();
  }
}

function conclude(line: Line, json: boolean): void {
  if (line.phase === 'failed') {
    throw new Refusal(`The guest goes on where it was. ${String(line.reason)}`, STATUS.failed);
  }
  if (!json) process.stdout.write(`${summary(line)}\n`);
}
