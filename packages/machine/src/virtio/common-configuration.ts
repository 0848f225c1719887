import { isWhole, isWholeList } from '../state-checks.js';
import { checkQueueState, freshQueue, isQueueSize, NO_VECTOR, type QueueState } from './virtqueue.js';

/** The common configuration structure of virtio over PCI: VIRTIO 1.2, 4.1.4.3. */

/** Bits of device_status (2.1). */
export const DEVICE_STATUS = {
  acknowledge: 1,
  driver: 2,
  driverOk: 4,
  featuresOk: 8,
  needsReset: 64,
  failed: 128,
} as const;
const STATUS_BITS = Object.values(DEVICE_STATUS).reduce((all, bit) => all | bit, 0);

/** Feature bits that are not of one kind of device (chapter 6). */
export const FEATURE = { indirect: 28, eventIndex: 29, version1: 32 } as const;

/** Fields: offset and size. Those of 64 bits are accessed in halves (4.1.3.1). */
const FIELDS = {
  deviceFeatureSelect: { offset: 0x00, size: 4 },
  deviceFeature: { offset: 0x04, size: 4 },
  driverFeatureSelect: { offset: 0x08, size: 4 },
  driverFeature: { offset: 0x0c, size: 4 },
  configVector: { offset: 0x10, size: 2 },
  numQueues: { offset: 0x12, size: 2 },
  deviceStatus: { offset: 0x14, size: 1 },
  configGeneration: { offset: 0x15, size: 1 },
  queueSelect: { offset: 0x16, size: 2 },
  queueSize: { offset: 0x18, size: 2 },
  queueVector: { offset: 0x1a, size: 2 },
  queueEnable: { offset: 0x1c, size: 2 },
  queueNotifyOffset: { offset: 0x1e, size: 2 },
  area0: { offset: 0x20, size: 4 },
  area1: { offset: 0x24, size: 4 },
  area2: { offset: 0x28, size: 4 },
  area3: { offset: 0x2c, size: 4 },
  area4: { offset: 0x30, size: 4 },
  area5: { offset: 0x34, size: 4 },
} as const;
type FieldName = keyof typeof FIELDS;
const FIELD_NAMES = Object.keys(FIELDS) as FieldName[];
export const COMMON_CONFIGURATION_SIZE = 0x38;

/** All that it holds; plain JSON. */
export interface CommonState {
  status: number;
  deviceFeatureSelect: number;
  driverFeatureSelect: number;
  /** Features that the driver has accepted: bits 31:0 and 63:32. */
  driverFeatures: number[];
  configVector: number;
  queueSelect: number;
  queues: QueueState[];
}

/** The structure: status, features and queues of one device. */
export class CommonConfiguration {
  /** The driver has written 0 to the status. */
  onReset: () => void = () => {};
  /** DRIVER_OK was set. */
  onReady: () => void = () => {};
  readonly #offered: readonly number[];
  readonly #queueSizes: readonly number[];
  readonly #vectors: number;
  #state: CommonState;

  constructor(features: readonly number[], queueSizes: readonly number[], vectors: number) {
    const offered = [0, 0];
    for (const bit of [...features, ...Object.values(FEATURE)]) offered[bit >> 5] |= 1 << (bit & 31);
    this.#offered = offered.map((word) => word >>> 0);
    this.#queueSizes = queueSizes;
    this.#vectors = vectors;
    this.#state = this.#fresh();
  }

  get status(): number {
    return this.#state.status;
  }

  get configVector(): number {
    return this.#state.configVector;
  }

  get queues(): readonly QueueState[] {
    return this.#state.queues;
  }

  /** Whether the driver has accepted a feature. */
  has(feature: number): boolean {
    return (this.#state.driverFeatures[feature >> 5] & (1 << (feature & 31))) !== 0;
  }

  /** Whether queues may be worked on. */
  get isLive(): boolean {
    const { driverOk, needsReset } = DEVICE_STATUS;
    return (this.#state.status & (driverOk | needsReset)) === driverOk;
  }

  /** The driver has done what it must not. */
  demandReset(): void {
    this.#state.status |= DEVICE_STATUS.needsReset;
  }

  read(offset: number, size: number): number {
    const name = FIELD_NAMES.find(
      (each) => offset >= FIELDS[each].offset && offset < FIELDS[each].offset + FIELDS[each].size,
    );
    if (name === undefined) return 0;
    const value = this.#readField(name) >>> (8 * (offset - FIELDS[name].offset));
    return size === 4 ? value : value & (2 ** (8 * size) - 1);
  }

  /** A write has the width of its field (4.1.3.1); others do nothing. */
  write(offset: number, size: number, value: number): void {
    const name = FIELD_NAMES.find((each) => FIELDS[each].offset === offset && FIELDS[each].size === size);
    if (name !== undefined) this.#writeField(name, value);
  }

  save(): CommonState {
    return structuredClone(this.#state);
  }

  /** Takes a state that `check` accepts. */
  restore(state: CommonState): void {
    this.#state = structuredClone(state);
  }

  check(value: unknown): boolean {
    const state = (value ?? {}) as Partial<CommonState>;
    const { status, driverFeatures, queues, configVector } = state;
    return (
      isWhole(status, 0xff) &&
      (status & ~STATUS_BITS) === 0 &&
      isWhole(state.deviceFeatureSelect, 0xffff_ffff) &&
      isWhole(state.driverFeatureSelect, 0xffff_ffff) &&
      isWholeList(driverFeatures, 2, 0xffff_ffff) &&
      (!(status & DEVICE_STATUS.featuresOk) || this.#accepts(driverFeatures)) &&
      (configVector === NO_VECTOR || isWhole(configVector, this.#vectors - 1)) &&
      isWhole(state.queueSelect, 0xffff) &&
      Array.isArray(queues) &&
      queues.length === this.#queueSizes.length &&
      queues.every((queue, n) => checkQueueState(queue, this.#queueSizes[n], this.#vectors))
    );
  }

  #fresh(): CommonState {
    return {
      status: 0,
      deviceFeatureSelect: 0,
      driverFeatureSelect: 0,
      driverFeatures: [0, 0],
      configVector: NO_VECTOR,
      queueSelect: 0,
      queues: this.#queueSizes.map(freshQueue),
    };
  }

  #readField(name: FieldName): number {
    const state = this.#state;
    switch (name) {
      case 'deviceFeatureSelect':
      case 'driverFeatureSelect':
      case 'configVector':
      case 'queueSelect':
        return state[name];
      case 'deviceFeature':
        return this.#offered[state.deviceFeatureSelect] ?? 0;
      case 'driverFeature':
        return state.driverFeatures[state.driverFeatureSelect] ?? 0;
      case 'numQueues':
        return state.queues.length;
      case 'deviceStatus':
        return state.status;
      case 'configGeneration':
        return 0;
      default:
        return this.#readQueueField(name);
    }
  }

  /** Fields of a queue that is not there read as zero: its size says so (4.1.5.1.3). */
  #readQueueField(name: FieldName): number {
    const queue = this.#state.queues.at(this.#state.queueSelect);
    if (queue === undefined) return 0;
    if (name === 'queueSize') return queue.size;
    if (name === 'queueVector') return queue.vector;
    if (name === 'queueEnable') return Number(queue.enabled);
    if (name === 'queueNotifyOffset') return this.#state.queueSelect;
    return queue.areas[areaWord(name)];
  }

  #writeField(name: FieldName, value: number): void {
    const state = this.#state;
    switch (name) {
      case 'deviceFeatureSelect':
      case 'driverFeatureSelect':
      case 'queueSelect':
        state[name] = value;
        return;
      case 'driverFeature':
        if (state.driverFeatureSelect < 2 && !(state.status & DEVICE_STATUS.featuresOk))
          state.driverFeatures[state.driverFeatureSelect] = value;
        return;
      case 'configVector':
        state.configVector = this.#vector(value);
        return;
      case 'deviceStatus':
        this.#writeStatus(value);
        return;
      default:
        this.#writeQueueField(name, value);
    }
  }

  /** A driver never clears a bit but by a reset (2.1.1). FEATURES_OK stays off when the features are none to work with (2.2.2). */
  #writeStatus(value: number): void {
    const state = this.#state;
    if (value === 0) {
      this.#state = this.#fresh();
      this.onReset();
      return;
    }
    const before = state.status;
    let bits = value & STATUS_BITS & ~DEVICE_STATUS.needsReset;
    if (!(before & DEVICE_STATUS.featuresOk) && !this.#accepts(state.driverFeatures)) bits &= ~DEVICE_STATUS.featuresOk;
    // Without the negotiation's end nothing may run.
    if (!((before | bits) & DEVICE_STATUS.featuresOk)) bits &= ~DEVICE_STATUS.driverOk;
    state.status |= bits;
    if (state.status & ~before & DEVICE_STATUS.driverOk) this.onReady();
  }

  /** What is set for an enabled queue stays, but for its vector (4.1.4.3.2). */
  #writeQueueField(name: FieldName, value: number): void {
    const queue = this.#state.queues.at(this.#state.queueSelect);
    if (queue === undefined) return;
    if (name === 'queueVector') queue.vector = this.#vector(value);
    else if (queue.enabled) return;
    else if (name === 'queueEnable') queue.enabled = value === 1;
    else if (name === 'queueSize') {
      if (isQueueSize(value, this.#queueSizes[this.#state.queueSelect])) queue.size = value;
    } else if (name.startsWith('area')) queue.areas[areaWord(name)] = value;
  }

  /** A vector that is not there is refused by reading back as none (4.1.5.1.2). */
  #vector(value: number): number {
    return value < this.#vectors ? value : NO_VECTOR;
  }

  #accepts(features: readonly number[]): boolean {
    const versionOne = features[FEATURE.version1 >> 5] & (1 << (FEATURE.version1 & 31));
    return versionOne !== 0 && features.every((word, n) => (word & ~this.#offered[n]) === 0);
  }
}

function areaWord(name: FieldName): number {
  return Number(name.slice(-1));
}
