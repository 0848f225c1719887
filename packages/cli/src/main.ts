import { Command, CommanderError } from 'commander';
import { controlCommand } from './commands/control.js';
import { demoCommand } from './commands/demo.js';
import { execCommand } from './commands/exec.js';
import { migrateCommand } from './commands/migrate.js';
import { restoreCommand } from './commands/restore.js';
import { runCommand } from './commands/run.js';
import { Refusal, STATUS } from './refusal.js';
import { VERSION } from './version.js';

const HELP = `
Examples:
  vgic demo
  vgic run --kernel guests/interrupts/interrupts.bin --smp 4
  vgic run --help`;

function program(): Command {
  const command = new Command('vgic')
    .description('Run, save, restore and migrate Arm guests on a virtual GIC (the VGIC of KVM)')
    .version(VERSION)
    .addCommand(runCommand())
    .addCommand(restoreCommand())
    .addCommand(migrateCommand())
    .addCommand(controlCommand())
    .addCommand(demoCommand())
    .addCommand(execCommand())
    .addHelpText('after', HELP)
    // With their arguments the names would leave no room for what the commands do.
    .configureHelp({ subcommandTerm: (each) => each.name() });
  for (const each of [command, ...command.commands]) {
    each
      .exitOverride()
      .showSuggestionAfterError()
      .configureOutput({ outputError: (text, write) => write(inOneLine(text)) });
  }
  return command;
}

/** An error as this command tells it: with its name, and a suggestion behind it. */
function inOneLine(error: string): string {
  return error.replace(/^error: /, 'vgic: ').replace(/\n\((Did you mean .*)\)/, '. $1');
}

// A reader that has gone away (EPIPE) has had enough. Otherwise the output is incomplete, and the status says so.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.exitCode = STATUS.failed;
});

try {
  await program().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? STATUS.done : STATUS.refused;
  else if (error instanceof Refusal) {
    process.exitCode = error.status;
    process.stderr.write(`vgic: ${error.message}\n`);
  } else throw error;
}
