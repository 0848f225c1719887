const PAGE = 4096n;

/** Guest RAM of a scripted virtual machine: pages come to be when they are written. */
export class GuestMemory {
  #pages = new Map<bigint, Uint8Array>();

  constructor(
    readonly base: bigint,
    readonly size: bigint,
  ) {}

  #inside(address: bigint, length: bigint): boolean {
    return address >= this.base && address + length <= this.base + this.size;
  }

  /** Visits a range page by page; false at the first page that is outside RAM, with all before it visited. */
  #each(
    address: bigint,
    length: number,
    visit: (page: bigint, at: number, length: number, done: number) => void,
  ): boolean {
    for (let done = 0; done < length; ) {
      const here = address + BigInt(done);
      const at = here % PAGE;
      const part = Math.min(length - done, Number(PAGE - at));
      if (!this.#inside(here, BigInt(part))) return false;
      visit(here / PAGE, Number(at), part, done);
      done += part;
    }
    return true;
  }

  read(address: bigint, length: number): Uint8Array | undefined {
    const bytes = new Uint8Array(length);
    const complete = this.#each(address, length, (page, at, part, done) => {
      const source = this.#pages.get(page);
      if (source !== undefined) bytes.set(source.subarray(at, at + part), done);
    });
    return complete ? bytes : undefined;
  }

  write(address: bigint, bytes: Uint8Array): boolean {
    return this.#each(address, bytes.length, (page, at, part, done) => {
      let target = this.#pages.get(page);
      if (target === undefined) {
        target = new Uint8Array(Number(PAGE));
        this.#pages.set(page, target);
      }
      target.set(bytes.subarray(done, done + part), at);
    });
  }

  copyFrom(other: GuestMemory): void {
    this.#pages = new Map(
      [...other.#pages].map(([page, bytes]) => [page - other.base / PAGE + this.base / PAGE, bytes.slice()]),
    );
  }
}
