import { SnapshotError } from '@vgic/machine';
import { Command, Option } from 'commander';
import { secondHalf } from '../demo/halves.js';
import { formatReport, runDemo } from '../demo/report.js';
import { Refusal, STATUS } from '../refusal.js';

const HELP = `
Boots the bare-metal guest guests/interrupts on 4 vCPUs with a GICv3, runs it
until interrupts are in every state at once, saves the whole machine to a file,
restores it in a new process, and lets the guest go on to its end. The guest
counts every interrupt; the exit status is 1 when one was lost or came without
having been sent.`;

/** `vgic demo` */
export function demoCommand(): Command {
  return new Command('demo')
    .description('Save a guest amid its interrupts, restore it elsewhere: none is lost')
    .option('--json', 'print the report as one JSON object')
    .addOption(new Option('--second-half <file>', 'the other process of the demonstration').hideHelp())
    .addHelpText('after', HELP)
    .action((options: { json?: true; secondHalf?: string }) => {
      try {
        if (options.secondHalf !== undefined) {
          process.stdout.write(JSON.stringify(secondHalf(options.secondHalf)));
          return;
        }
        const report = runDemo();
        process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : formatReport(report));
        if (!report.passed) throw new Refusal('The demonstration failed: see its report.', STATUS.failed);
      } catch (error) {
        if (error instanceof SnapshotError) throw new Refusal(error.message, STATUS.failed);
        throw error;
      }
    });
}
