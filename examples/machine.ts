/*
 * A machine that runs a guest, is saved amid it, and goes on as another machine to the same end. The guest counts its interrupts;
 * any arm64 Image, ELF or bare binary for QEMU's `virt` board would do.
 *
 *     npm run example machine
 *
 * prints
 *
 *     stopped after 0.458 ms of the guest's time
 *     off after 2.603 ms
 *     SGI sent 273 taken 273 lost 0 spurious 0
 *     PPI virtual timer sent 33 taken 33 lost 0 spurious 0
 *     PPI physical timer sent 17 taken 17 lost 0 spurious 0
 *     PPI software sent 9 taken 9 lost 0 spurious 0
 *     SPI UART sent 150 taken 150 lost 0 spurious 0
 *     SPI software sent 231 taken 231 lost 0 spurious 0
 *     SPI group 0 sent 4 taken 4 lost 0 spurious 0
 */
import { readFileSync } from 'node:fs';
import { decodeSnapshot, deflateCompression, encodeSnapshot, Machine } from '@vgic/machine';

const machine = new Machine({ vcpus: 2, memory: 64 * 2 ** 20, gic: 3 });
let text = '';
machine.onConsoleOutput = (byte) => {
  text += String.fromCharCode(byte);
  if (text.endsWith('every state at once')) machine.stop(); // after this instruction
};
machine.load({ kernel: readFileSync('guests/interrupts/interrupts.bin'), append: 'rounds=2' });

const SECOND = 1_000_000_000; // of the guest's time: one instruction is one nanosecond
const first = machine.run(SECOND); // 'stopped'; it may be 'time', 'off', 'reset', 'waiting' or 'lockup' too
const file = encodeSnapshot(machine.save(), deflateCompression);
console.log(`${first.reason} after ${milliseconds(machine)} ms of the guest's time`);

// Whoever has the pieces, one behind the other, has the machine: later, elsewhere, in a page.
const bytes = new Uint8Array(await new Blob(file).arrayBuffer());
const other = Machine.restore(decodeSnapshot(bytes, deflateCompression));
other.onConsoleOutput = (byte) => {
  text += String.fromCharCode(byte);
};
const last = other.run(SECOND);
console.log(`${last.reason} after ${milliseconds(other)} ms`);
for (const line of text.split('\r\n')) if (line.includes('lost')) console.log(line);

function milliseconds({ time }: Machine): string {
  return (time / 1e6).toFixed(3);
}
