import { Argument, Command } from 'commander';
import { controlClient } from '../control/client.js';
import { COMMANDS, type ControlRequest } from '../control/requests.js';
import { Refusal, STATUS } from '../refusal.js';
import { oneOf } from '../values.js';

const HELP = `
  status          what the machine is doing
  pause, resume   stop the guest between two instructions; let it go on
                  (resume --force: take a machine back of which a broken
                  migration left nobody knowing who has it)
  snapshot FILE   save the whole machine to FILE; the guest goes on
  migrate ADDRESS begin a migration, as "vgic migrate", and come back at once
  migrate-cancel  call a migration off; the guest goes on here
  quit            end the command that runs the guest

The answer is printed as JSON. A program may speak to the socket itself: a line
  {"command": "snapshot", "file": "x"}
is answered by a line {"ok": true, ...} or {"ok": false, "error": "..."}.
See docs/migration.md.`;

/** `vgic control` */
export function controlCommand(): Command {
  return new Command('control')
    .description('Say what a running machine is to do, over its control socket')
    .argument('<socket>', 'the socket that was named with --control')
    .addArgument(new Argument('<command>', 'what to do, see below').argParser(oneOf(Object.keys(COMMANDS))))
    .argument('[argument]', 'the file or address')
    .option('--force', 'with resume, see below')
    .addHelpText('after', HELP)
    .action(async (socket: string, command: string, argument: string | undefined, { force }: { force?: true }) => {
      const client = await controlClient(socket);
      try {
        client.send(requestOf(command as keyof typeof COMMANDS, argument, force));
        for await (const line of client.lines) {
          if (line.event !== undefined) continue;
          if (line.ok !== true) throw new Refusal(String(line.error), STATUS.failed);
          const { ok, ...answer } = line;
          process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
          return;
        }
        throw new Refusal('The machine has hung up without an answer.', STATUS.failed);
      } finally {
        client.close();
      }
    });
}

function requestOf(command: keyof typeof COMMANDS, argument?: string, force?: true): ControlRequest {
  const takes = { snapshot: 'file', migrate: 'destination' } as const;
  const name = command in takes ? takes[command as keyof typeof takes] : undefined;
  if (name !== undefined && argument === undefined) throw new Refusal(`${command} needs the ${name}.`);
  if (name === undefined && argument !== undefined) throw new Refusal(`${command} takes no argument.`);
  if (force && command !== 'resume') throw new Refusal(`${command} has no --force.`);
  return { command, ...(name !== undefined && { [name]: argument }), ...(force && { force }) } as ControlRequest;
}
