import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { Command } from 'commander';
import { kvmNamed } from 'vgic';
import { Interpreter } from '../exec/interpreter.js';
import { Refusal, STATUS } from '../refusal.js';
import { KVM_OPTION, kvmVersion } from '../values.js';

/** No line of the protocol is longer than a write of all that one may transfer, in hexadecimal. */
const LONGEST_LINE = 160 << 20;

async function execute(file: string | undefined, { strict, kvm }: { strict?: true; kvm?: string }): Promise<void> {
  const input = file === undefined ? process.stdin : createReadStream(file);
  input.setEncoding('utf8');
  process.stdout.on('error', () => process.exit(0));
  const interpreter = new Interpreter(kvm === undefined ? undefined : kvmNamed(kvm));
  let rest = '';
  const answer = async (lines: string[]): Promise<void> => {
    let text = '';
    for (const line of lines) {
      const output = interpreter.execute(line);
      if (output !== undefined) text += `${output}\n`;
    }
    if (text !== '' && !process.stdout.write(text)) await once(process.stdout, 'drain');
  };
  try {
    for await (const chunk of input) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LONGEST_LINE) throw new Refusal('A line of the script is longer than any operation can be.');
      await answer(lines);
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(`The script ${file} can't be read: ${(error as Error).message}.`);
  }
  if (rest !== '') await answer([rest]);
  const { failed, firstFailed } = interpreter;
  if (!strict || failed === 0) return;
  const what = failed === 1 ? `Line ${firstFailed}` : `${failed} lines, from line ${firstFailed} on,`;
  throw new Refusal(`${what} failed.`, STATUS.failed);
}

const HELP = `
One flat JSON object a line; one answer a line, with "err" when it failed. For
example:
  {"op":"create","gic":3,"vcpus":2}
  {"op":"irq_line","irq":33,"level":1}
  {"op":"vgic_state"}
The operations are described in conformance/kvm/README.md.

Exit status: 0 the script was carried out, whatever came of it; 1 with --strict
when a line failed; 2 bad options or files.`;

/** `vgic exec`: drives virtual GICs by a script. */
export function execCommand(): Command {
  return new Command('exec')
    .description('Drive virtual GICs by JSON lines, one operation a line, one answer a line')
    .argument('[FILE]', 'the script; without it, standard input')
    .option('--kvm <version>', KVM_OPTION, kvmVersion)
    .option('--strict', 'end with exit status 1 when a line failed')
    .addHelpText('after', HELP)
    .action(execute);
}
