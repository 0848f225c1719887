/**
 * A negative control: it stands between the test and the oracle, and falsifies one kind of answer, or one kind of
 * command. Usage: node falsifier.mjs FAULT COMMAND...
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const NOT_A_COMMAND = JSON.stringify({ op: 'pending', vcpu: 0 });

/** What each fault does to a command on its way in, or to its answer on the way out. */
const FAULTS = {
  none: {},
  /** ICH_HCR.UIE is lost when the list registers did not suffice. */
  'underflow-enable': {
    answer: (command, answer) => (command.op === 'flush' && answer.hcr === '0x3' ? { ...answer, hcr: '0x1' } : answer),
  },
  /** A line that falls is not noticed: the state goes wrong, and shows later. */
  'falling-line': {
    command: (command) => command.op === 'irq_line' && command.type === 'spi' && command.level === 0,
    answer: (_command, answer) => (answer.replaced ? { ret: 0 } : answer),
  },
  /** An acknowledge of an SPI gives the next INTID. */
  'wrong-intid': {
    answer: (command, answer) =>
      command.reg === 'ICC_IAR1_EL1' && Number(answer.value) >= 32 && Number(answer.value) < 1000
        ? { ...answer, value: `0x${(Number(answer.value) + 1).toString(16)}` }
        : answer,
  },
  /** A DISCARD never gets into an ITS's queue. */
  discard: {
    command: (command) => command.op === 'mem_write' && /^0f[0-9a-f]{62}$/.test(command.hex ?? ''),
    answer: (_command, answer) => (answer.replaced ? { ret: 0 } : answer),
  },
  /** The pending tables are not written when a machine is saved. */
  'pending-tables': {
    command: (command) => command.op === 'set_attr' && command.group === 4 && command.attr === 3,
    answer: (_command, answer) => (answer.replaced ? { ret: 0 } : answer),
  },
  /** A restore of an ITS that fails says so, but with another error. */
  'restore-error': {
    answer: (command, answer) =>
      command.dev && command.group === 4 && command.attr === 2 && answer.err === -22 ? { err: -14 } : answer,
  },
  /** A MOVI never gets into an ITS's queue. */
  movi: {
    command: (command) => command.op === 'mem_write' && /^01[0-9a-f]{62}$/.test(command.hex ?? ''),
    answer: (_command, answer) => (answer.replaced ? { ret: 0 } : answer),
  },
  /** A vCPU that blocks is not rung for. */
  doorbell: { answer: (command, answer) => (command.op === 'pending' ? { ...answer, pending: false } : answer) },
  /** EBUSY becomes EINVAL. */
  errno: { answer: (_command, answer) => (answer.err === -16 ? { err: -22 } : answer) },
  /** Nothing comes any more after a write of ICC_BPR0_EL1. */
  silence: {
    answer: (command, answer) => {
      if (command.op === 'icc_write' && command.reg === 'ICC_BPR0_EL1') silent = true;
      return answer;
    },
  },
  /** The program ends at the first ICC_DIR_EL1. */
  crash: {
    answer: (command, answer) => {
      if (command.op === 'icc_write' && command.reg === 'ICC_DIR_EL1') process.exit(7);
      return answer;
    },
  },
};

const [fault, file, ...rest] = process.argv.slice(2);
const { command: swallows = () => false, answer: falsify = (_command, answer) => answer } = FAULTS[fault];
const oracle = spawn(file, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
const commands = [];
let silent = false;
createInterface({ input: process.stdin })
  .on('line', (line) => {
    let command = {};
    try {
      command = JSON.parse(line);
    } catch {
      // not JSON: passed on as it is
    }
    const replaced = swallows(command);
    commands.push({ command, replaced });
    oracle.stdin.write(`${replaced ? NOT_A_COMMAND : line}\n`);
  })
  .on('close', () => oracle.stdin.end());
createInterface({ input: oracle.stdout }).on('line', (line) => {
  const { command, replaced } = commands.shift();
  const answer = JSON.parse(line);
  const falsified = falsify(command, replaced ? { replaced } : answer);
  if (!silent) process.stdout.write(`${falsified === answer ? line : JSON.stringify(falsified)}\n`);
});
