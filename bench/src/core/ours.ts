import { Machine } from '@vgic/machine';
import { BEGIN, END } from './programs.js';

export interface Timing {
  /** Between the two marks. */
  readonly seconds: number;
  /** Executed between the two marks, exactly. */
  readonly instructions: number;
  /** What the program printed after its marks: the result of its work. */
  readonly result: string;
}

/** Runs a program on our machine; the marks come over its console, as they do from QEMU's. */
export function timeOnOurs(image: Uint8Array): Timing {
  const machine = new Machine({ vcpus: 1, memory: 128 << 20, gic: 3 });
  machine.load({ kernel: image, name: 'benchmark' });
  let result = '';
  const marks = new Map<string, { readonly at: number; readonly instructions: number }>();
  let printed = { at: 0, mark: '' };
  machine.onConsoleOutput = (byte) => {
    printed = { at: performance.now(), mark: String.fromCharCode(byte) };
    if (printed.mark !== BEGIN && printed.mark !== END) result += printed.mark;
    else machine.stop(); // the machine's time is exact between two runs
  };
  for (;;) {
    const outcome = machine.run();
    if (outcome.reason === 'off') break;
    if (outcome.reason === 'lockup') throw new Error(`the benchmark program failed: ${outcome.message}`);
    if (outcome.reason === 'stopped') marks.set(printed.mark, { at: printed.at, instructions: machine.time });
  }
  const [begin, end] = [marks.get(BEGIN), marks.get(END)];
  if (!begin || !end) throw new Error('the benchmark program ended without its two marks');
  return { seconds: (end.at - begin.at) / 1000, instructions: end.instructions - begin.instructions, result };
}
