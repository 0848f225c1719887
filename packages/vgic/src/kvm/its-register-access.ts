import { DOUBLEWORD } from '../architecture/register-map.js';
import { ERRNO } from '../errors.js';
import { ITS_FRAME } from '../frames/its.js';
import type { Gic } from '../gic.js';
import { NO_VCPU } from '../interrupts/interrupts.js';

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
  const at = offset - row.offset;
  const width = row.widths & DOUBLEWORD ? 8 : 4;
  gic.requester = NO_VCPU;
  if (!write) {
    gic.high = 0;
    const low = row.read(gic, n, at, width) >>> 0;
    buffer.value = BigInt(low) | (BigInt(gic.high >>> 0) << 32n);
    return 0;
  }
  const low = Number(buffer.value & 0xffffffffn);
  if (row.userWrite === undefined) {
    row.write(gic, n, at, width, low, Number((buffer.value >> 32n) & 0xffffffffn));
    return 0;
  }
  // the read pointer of a queue that is in use can't be moved
  if (row.name === 'GITS_CREADR' && gic.its[n].enabled) return -ERRNO.EBUSY;
  return row.userWrite(gic, n, at, low) ? 0 : -ERRNO.EINVAL;
}
