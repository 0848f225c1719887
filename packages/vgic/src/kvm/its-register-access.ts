import { DOUBLEWORD, WORD } from '../architecture/register-map.js';
import { ERRNO } from '../errors.js';
import { ITS_FRAME } from '../frames/its.js';
import type { Gic } from '../gic.js';

/**
 * Userspace reads or writes a register of an ITS (KVM_DEV_ARM_VGIC_GRP_ITS_REGS), no vCPU running. Registers are accessed in
 * their own width, 64-bit ones never by halves. Answers 0 or a negative errno.
 */
export function accessItsRegister(
  gic: Gic,
  n: number,
  offset: number,
  buffer: { value: bigint },
  write: boolean,
): number {
  const row = ITS_FRAME.at(offset);
  if (row === undefined) return -ERRNO.ENXIO;
  const width = row.width === 64 ? DOUBLEWORD : WORD;
  const start = offset & -width;
  if (write) {
    const low = Number(buffer.value & 0xffffffffn);
    return ITS_FRAME.userWrite(gic, n, start, width, low, Number((buffer.value >> 32n) & 0xffffffffn));
  }
  const low = ITS_FRAME.userRead(gic, n, start, width);
  buffer.value = BigInt(low) | (BigInt(gic.high) << 32n);
  return 0;
}
