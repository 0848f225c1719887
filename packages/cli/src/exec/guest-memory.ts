import { Ram } from 'vgic';

const PAGE = 4096;

/**
 * Guest RAM of a scripted virtual machine. A script creates and destroys thousands of machines, so blocks that have served
 * are used again, cleared where they were written.
 */
export class ScriptMemory {
  static readonly #spare = new Map<number, ScriptMemory[]>();

  readonly #bytes: Uint8Array;
  readonly #written = new Set<number>();
  /** What the GIC sees of it. */
  readonly guest: Ram;

  private constructor(
    readonly base: bigint,
    bytes: Uint8Array,
  ) {
    this.#bytes = bytes;
    this.guest = new Ram(Number(base), bytes);
    this.guest.onDirty = (page) => this.#written.add(page - Number(base));
  }

  static take(base: bigint, size: bigint): ScriptMemory {
    const spare = ScriptMemory.#spare.get(Number(size))?.pop();
    return new ScriptMemory(base, spare === undefined ? new Uint8Array(Number(size)) : spare.#bytes);
  }

  /** The machine is gone: the block is cleared and kept for the next one. */
  release(): void {
    for (const offset of this.#written) this.#bytes.fill(0, offset, offset + PAGE);
    const size = this.#bytes.length;
    const spare = ScriptMemory.#spare.get(size) ?? [];
    spare.push(this);
    ScriptMemory.#spare.set(size, spare);
  }

  get size(): number {
    return this.#bytes.length;
  }

  #inside(address: bigint, length: number): boolean {
    return address >= this.base && address + BigInt(length) <= this.base + BigInt(this.size);
  }

  /** Visits a range page by page; false at the first page that is outside RAM, with all before it visited. */
  #each(address: bigint, length: number, visit: (offset: number, length: number, done: number) => void): boolean {
    for (let done = 0; done < length; ) {
      const here = address + BigInt(done);
      const part = Math.min(length - done, PAGE - Number(here % BigInt(PAGE)));
      if (!this.#inside(here, part)) return false;
      visit(Number(here - this.base), part, done);
      done += part;
    }
    return true;
  }

  read(address: bigint, length: number): Uint8Array | undefined {
    const bytes = new Uint8Array(length);
    const complete = this.#each(address, length, (offset, part, done) => {
      bytes.set(this.#bytes.subarray(offset, offset + part), done);
    });
    return complete ? bytes : undefined;
  }

  write(address: bigint, bytes: Uint8Array): boolean {
    return this.#each(address, bytes.length, (offset, part, done) => {
      this.#bytes.set(bytes.subarray(done, done + part), offset);
      this.#written.add(offset - (offset % PAGE));
    });
  }

  copyFrom(other: ScriptMemory): void {
    for (const offset of this.#written) this.#bytes.fill(0, offset, offset + PAGE);
    this.#written.clear();
    for (const offset of other.#written) {
      this.#bytes.set(other.#bytes.subarray(offset, offset + PAGE), offset);
      this.#written.add(offset);
    }
  }
}
