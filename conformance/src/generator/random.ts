/**
 * A small pseudo-random number generator (sfc32, Chris Doty-Humphrey's Small Fast Counting generator), so that a
 * sequence of operations is the same on every machine for the same seed.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** `stream` separates the sequences of one seed from each other. */
  constructor(seed: number, stream = 0) {
    this.#a = seed >>> 0;
    this.#b = stream >>> 0;
    this.#c = (Math.floor(seed / 0x1_0000_0000) ^ 0x9e3779b9) >>> 0;
    for (let i = 0; i < 16; i++) this.word();
  }

  /** 32 random bits, unsigned. */
  word(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** An integer from 0 to `bound` - 1. */
  below(bound: number): number {
    return Math.floor((this.word() / 0x1_0000_0000) * bound);
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(probability: number): boolean {
    return this.word() < probability * 0x1_0000_0000;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  /** One of the entries, each as likely as its weight says. */
  weighted<T>(from: Weights<T>): T {
    let total = 0;
    for (const [weight] of from) total += weight;
    let at = (this.word() / 0x1_0000_0000) * total;
    for (const [weight, entry] of from) {
      at -= weight;
      if (at < 0) return entry;
    }
    return from[from.length - 1]![1];
  }
}

export type Weights<T> = readonly (readonly [weight: number, entry: T])[];

/** As `Random.weighted`, of entries that stay: their weights are added up once. */
export class Choice<T> {
  readonly #upTo: Float64Array;
  readonly #entries: readonly T[];

  constructor(weights: Weights<T>) {
    let total = 0;
    this.#upTo = Float64Array.from(weights, ([weight]) => {
      total += weight;
      return total;
    });
    this.#entries = weights.map(([, entry]) => entry);
  }

  pick(random: Random): T {
    const upTo = this.#upTo;
    const at = (random.word() / 0x1_0000_0000) * upTo[upTo.length - 1];
    let entry = 0;
    while (upTo[entry] <= at) entry++;
    return this.#entries[entry];
  }
}
