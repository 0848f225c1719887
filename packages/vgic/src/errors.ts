/** Errors by the names and numbers that Linux gives them, so that a VMM can handle them as it handles KVM's. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EAGAIN: 11,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOSPC: 28,
  EOPNOTSUPP: 95,
} as const;

export type ErrorCode = keyof typeof ERRNO;

/**
 * What userspace got wrong. `code` and `errno` are KVM's; the message is a sentence that says which register, device or
 * vCPU. A guest's mistakes never throw.
 */
export class GicError extends Error {
  override readonly name = 'GicError';
  readonly errno: number;
  constructor(
    readonly code: ErrorCode,
    message: string,
  ) {
    super(message);
    this.errno = ERRNO[code];
  }
}

/** Throws a negative errno with a sentence. */
export function throwErrno(result: number, sentence: string): never {
  const code = (Object.keys(ERRNO) as ErrorCode[]).find((name) => ERRNO[name] === -result) ?? 'EINVAL';
  throw new GicError(code, `${sentence}: ${code}.`);
}
