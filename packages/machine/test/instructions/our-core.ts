import { Core, type CoreHost, Exit } from '../../src/core/index.js';

const RAM_BASE = 0x4000_0000;
const RAM_SIZE = 128 << 20;
const ENTRY = 0x4008_0000;
const UART_DATA = 0x0900_0000;
const PSCI_SYSTEM_OFF = 0x8400_0008n;
/** Far more than any test image takes: a program that runs longer is lost. */
const LIMIT = 2_000_000_000;

/** Runs a raw image on our core with nothing around it but a console and SYSTEM_OFF; returns what it printed. */
export function runOnOurCore(image: Uint8Array, slice = 20_000): string {
  const output: number[] = [];
  const host: CoreHost = {
    mmioRead(_vcpu, address) {
      if (address >>> 12 !== UART_DATA >>> 12) core.raiseBusError();
      return 0;
    },
    mmioWrite(_vcpu, address, _size, low) {
      if (address === UART_DATA) output.push(low & 0xff);
      else core.raiseBusError();
    },
    systemRegisterRead() {
      core.raiseUndefined();
      return 0;
    },
    systemRegisterWrite() {
      core.raiseUndefined();
    },
    timerChanged() {},
  };
  const core = Core.create({ vcpus: 1, ramBase: RAM_BASE, ramSize: RAM_SIZE, host });
  core.ram.set(image, ENTRY - RAM_BASE);
  core.ramChanged(ENTRY - RAM_BASE, image.length);
  core.reset(0, BigInt(ENTRY), 0n);
  const text = (): string => String.fromCharCode(...output.slice(-200));
  for (let time = 0; time < LIMIT; time += core.executed) {
    core.setTime(time);
    const exit = core.run(0, slice);
    if (exit === Exit.Lockup) throw new Error(`lockup: ${core.lockup?.reason}; printed …${text()}`);
    if (exit === Exit.WaitForInterrupt) throw new Error(`WFI at ${core.pc(0).toString(16)}; printed …${text()}`);
    if (exit === Exit.Hypercall && core.readRegister(0, 0) === PSCI_SYSTEM_OFF)
      return Buffer.from(output).toString('latin1');
  }
  throw new Error(`still running after ${LIMIT} instructions at ${core.pc(0).toString(16)}; printed …${text()}`);
}
