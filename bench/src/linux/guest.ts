/** The parts of guests/linux.mjs that the benchmark uses; that file is plain JavaScript, outside this room. */
export interface LinuxGuest {
  readonly kernelFile: string;
  initInitrd(): Uint8Array;
  /** Empty when the kernel is there. */
  linuxMissing(): string;
}

export async function linuxGuest(): Promise<LinuxGuest> {
  return import(new URL('../../../guests/linux.mjs', import.meta.url).href);
}
