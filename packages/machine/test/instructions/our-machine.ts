import { Machine } from '../../src/index.js';

/** More than the test images take: 2 s of virtual time. */
const LIMIT = 2_000_000_000;

/** Runs a raw image on the whole board, GIC and timers and all; returns what it printed. */
export function runOnOurMachine(image: Uint8Array): string {
  const machine = new Machine({ vcpus: 1, memory: 128 << 20, gic: 3 });
  machine.load({ kernel: image, name: 'test image' });
  const output: number[] = [];
  machine.onConsoleOutput = (byte) => output.push(byte);
  for (;;) {
    const outcome = machine.run(LIMIT);
    const text = Buffer.from(output).toString('latin1');
    if (outcome.reason === 'off') return text;
    if (outcome.reason !== 'time' || machine.time >= LIMIT) {
      throw new Error(`the machine ended with ${JSON.stringify(outcome)}; printed …${text.slice(-200)}`);
    }
  }
}
