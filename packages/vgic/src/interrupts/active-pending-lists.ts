import type { StateVisitor } from '../checkpoint.js';
import { INT16, INT32, type PlaneShape, type PlaneTable, planesOf } from './planes.js';

/** Sort keys: active interrupts first, then what can be delivered by priority, then the rest. */
const KEY_ACTIVE = 0;
const KEY_PRIORITY = 1;
const KEY_REST = KEY_PRIORITY + 256;
const KEY_COUNT = KEY_REST + 1;

export const KEY_FIRST = KEY_ACTIVE;

/** The sort key of one of the 32 interrupts of a word, by the bits of those that are active and of those that can be delivered. */
export function deliveryKey(active: number, deliverable: number, bit: number, priority: number): number {
  if ((active >>> bit) & 1) return KEY_ACTIVE;
  return (deliverable >>> bit) & 1 ? KEY_PRIORITY + priority : KEY_REST;
}

/** How the lists are linked. */
const LINKS = {
  /** The vCPU in whose list each interrupt is, or -1. */
  owner: { kind: INT16, reset: () => -1, lpi: -1 },
  /** The interrupt after this one, or -1. */
  next: { kind: INT32, reset: () => -1, lpi: -1 },
  previous: { kind: INT32, reset: () => -1, lpi: -1 },
} as const satisfies PlaneTable;

/**
 * For each vCPU the list of its interrupts that are active or pending and deliverable: the candidates for its list
 * registers, in the order in which they were queued. KVM calls it ap_list. An interrupt is in one list at most.
 *
 * The lists are linked through typed arrays indexed by interrupt, so that queueing allocates nothing.
 */
export class ActivePendingLists extends planesOf(LINKS) {
  /** First interrupt of each vCPU's list, or -1. */
  readonly head: Int32Array;
  readonly length: Int32Array;
  readonly #tail: Int32Array;
  /** The order of queueing decides between equal priorities: it does with KVM's way to fill list registers. */
  orderCounts = false;
  // for sorting, of no meaning afterwards
  #keys = new Uint16Array(0);
  #gathered = new Int32Array(0);
  #sorted = new Int32Array(0);
  readonly #starts = new Int32Array(KEY_COUNT + 1);

  constructor(shape: PlaneShape) {
    super(shape);
    this.head = new Int32Array(shape.vcpus).fill(-1);
    this.#tail = new Int32Array(shape.vcpus).fill(-1);
    this.length = new Int32Array(shape.vcpus);
  }

  isEmpty(vcpu: number): boolean {
    return this.head[vcpu] < 0;
  }

  append(vcpu: number, interrupt: number): void {
    const last = this.#tail[vcpu];
    this.previous[interrupt] = last;
    this.next[interrupt] = -1;
    if (last < 0) this.head[vcpu] = interrupt;
    else this.next[last] = interrupt;
    this.#tail[vcpu] = interrupt;
    this.owner[interrupt] = vcpu;
    this.length[vcpu]++;
  }

  remove(interrupt: number): void {
    const vcpu = this.owner[interrupt];
    const before = this.previous[interrupt];
    const after = this.next[interrupt];
    if (before < 0) this.head[vcpu] = after;
    else this.next[before] = after;
    if (after < 0) this.#tail[vcpu] = before;
    else this.previous[after] = before;
    this.owner[interrupt] = -1;
    this.length[vcpu]--;
  }

  /** Sorts a list by ascending key; interrupts with equal keys keep their order. A counting sort. */
  sort(vcpu: number, keyOf: (interrupt: number) => number): void {
    if (this.#keys.length < this.length[vcpu]) this.#makeRoom();
    const gathered = this.#gathered;
    const keys = this.#keys;
    const starts = this.#starts.fill(0);
    let count = 0;
    for (let i = this.head[vcpu]; i >= 0; i = this.next[i]) {
      const key = keyOf(i);
      keys[count] = key;
      gathered[count++] = i;
      starts[key + 1]++;
    }
    for (let key = 0; key < KEY_COUNT; key++) starts[key + 1] += starts[key];
    const sorted = this.#sorted;
    for (let n = 0; n < count; n++) sorted[starts[keys[n]]++] = gathered[n];
    let last = -1;
    for (let n = 0; n < count; n++) {
      const interrupt = sorted[n];
      this.previous[interrupt] = last;
      if (last < 0) this.head[vcpu] = interrupt;
      else this.next[last] = interrupt;
      last = interrupt;
    }
    this.next[last] = -1;
    this.#tail[vcpu] = last;
  }

  /** For as many as there may ever be in a list, so that it happens once. */
  #makeRoom(): void {
    const room = this.owner.length;
    this.#keys = new Uint16Array(room);
    this.#gathered = new Int32Array(room);
    this.#sorted = new Int32Array(room);
  }

  /** All of it, by index: the interrupts without LPIs up to `fixedEnd`, and LPIs. */
  visitLinks(state: StateVisitor, fixedEnd: number, lpiBase: number, lpiEnd: number): void {
    state.array(this.head);
    state.array(this.#tail);
    state.array(this.length);
    this.visitFixed(state, fixedEnd);
    this.visitLpis(state, lpiBase, lpiEnd);
  }

  /** What can be seen of it: which interrupts are in each list, in their order. */
  visitQueues(state: StateVisitor): void {
    state.array(this.length);
    for (let vcpu = 0; vcpu < this.head.length; vcpu++) for (const i of this.queue(vcpu)) state.number(i);
  }

  /** The interrupts in a vCPU's list: in their order, or where nobody can tell it by their index. */
  queue(vcpu: number): number[] {
    const queue: number[] = [];
    for (let i = this.head[vcpu]; i >= 0; i = this.next[i]) queue.push(i);
    return this.orderCounts ? queue : queue.sort((a, b) => a - b);
  }
}
