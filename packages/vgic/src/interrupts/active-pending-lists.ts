import { grown } from './bitmap.js';

/** Sort keys: active interrupts first, then what can be delivered by priority, then the rest. */
const KEY_ACTIVE = 0;
const KEY_PRIORITY = 1;
const KEY_REST = KEY_PRIORITY + 256;
const KEY_COUNT = KEY_REST + 1;

export { KEY_ACTIVE, KEY_PRIORITY, KEY_REST };

/**
 * For each vCPU the list of its interrupts that are active or pending and deliverable: the candidates for its list
 * registers, in the order in which they were queued. KVM calls it ap_list. An interrupt is in one list at most.
 *
 * The lists are linked through typed arrays indexed by interrupt, so that queueing allocates nothing.
 */
export class ActivePendingLists {
  /** The vCPU in whose list each interrupt is, or -1. */
  owner: Int16Array;
  /** First interrupt of each vCPU's list, or -1. */
  readonly head: Int32Array;
  /** The interrupt after this one, or -1. */
  next: Int32Array;
  readonly length: Int32Array;
  readonly #tail: Int32Array;
  #previous: Int32Array;
  #gathered: Int32Array;
  #keys: Uint16Array;
  readonly #starts = new Int32Array(KEY_COUNT + 1);

  constructor(vcpus: number, interrupts: number) {
    this.owner = new Int16Array(interrupts).fill(-1);
    this.head = new Int32Array(vcpus).fill(-1);
    this.#tail = new Int32Array(vcpus).fill(-1);
    this.length = new Int32Array(vcpus);
    this.next = new Int32Array(interrupts).fill(-1);
    this.#previous = new Int32Array(interrupts).fill(-1);
    this.#gathered = new Int32Array(interrupts);
    this.#keys = new Uint16Array(interrupts);
  }

  /** Makes room for more interrupts; the new ones are in no list. */
  grow(interrupts: number): void {
    const before = this.owner.length;
    this.owner = grown(this.owner, interrupts).fill(-1, before);
    this.next = grown(this.next, interrupts).fill(-1, before);
    this.#previous = grown(this.#previous, interrupts).fill(-1, before);
    this.#gathered = grown(this.#gathered, interrupts);
    this.#keys = grown(this.#keys, interrupts);
  }

  isEmpty(vcpu: number): boolean {
    return this.head[vcpu] < 0;
  }

  append(vcpu: number, interrupt: number): void {
    const last = this.#tail[vcpu];
    this.#previous[interrupt] = last;
    this.next[interrupt] = -1;
    if (last < 0) this.head[vcpu] = interrupt;
    else this.next[last] = interrupt;
    this.#tail[vcpu] = interrupt;
    this.owner[interrupt] = vcpu;
    this.length[vcpu]++;
  }

  remove(interrupt: number): void {
    const vcpu = this.owner[interrupt];
    const before = this.#previous[interrupt];
    const after = this.next[interrupt];
    if (before < 0) this.head[vcpu] = after;
    else this.next[before] = after;
    if (after < 0) this.#tail[vcpu] = before;
    else this.#previous[after] = before;
    this.owner[interrupt] = -1;
    this.length[vcpu]--;
  }

  /** Sorts a list by ascending key; interrupts with equal keys keep their order. A counting sort. */
  sort(vcpu: number, keyOf: (interrupt: number) => number): void {
    const gathered = this.#gathered;
    const keys = this.#keys;
    let count = 0;
    for (let i = this.head[vcpu]; i >= 0; i = this.next[i]) {
      keys[i] = keyOf(i);
      gathered[count++] = i;
    }
    const starts = this.#starts.fill(0);
    for (let n = 0; n < count; n++) starts[keys[gathered[n]] + 1]++;
    for (let key = 0; key < KEY_COUNT; key++) starts[key + 1] += starts[key];
    const sorted = this.#sorted(count);
    for (let n = 0; n < count; n++) sorted[starts[keys[gathered[n]]]++] = gathered[n];
    let last = -1;
    for (let n = 0; n < count; n++) {
      const interrupt = sorted[n];
      this.#previous[interrupt] = last;
      if (last < 0) this.head[vcpu] = interrupt;
      else this.next[last] = interrupt;
      last = interrupt;
    }
    this.next[last] = -1;
    this.#tail[vcpu] = last;
  }

  #scratch = new Int32Array(64);
  #sorted(count: number): Int32Array {
    if (this.#scratch.length < count) this.#scratch = new Int32Array(this.#gathered.length);
    return this.#scratch;
  }
}
