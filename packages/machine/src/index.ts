export { type CompleteConfig, completeConfig, type MachineConfig } from './config.js';
export { configDifference } from './config-difference.js';
export {
  type CompleteDevice,
  DEVICE_OPTIONS,
  DEVICE_TYPES,
  type DeviceConfig,
  type DeviceType,
} from './device-config.js';
export { type BoardDescription, boardDeviceTree } from './device-tree/board.js';
export type { GicFeatureConfig, IntidRange } from './gic-features.js';
export { ImageError } from './loader/image-error.js';
export type { Program } from './loader/load.js';
export { Machine, type RestoreOptions } from './machine.js';
export type { MachineState } from './machine-state.js';
export { MEMORY_MAP, RAM_BASE } from './memory-map.js';
export { MigrationDestination } from './migration/destination.js';
export type { DestinationPhase } from './migration/destination-protocol.js';
export { DEFAULT_LIMITS, type PaceLimits } from './migration/pace.js';
export type { Handover, Progress } from './migration/progress.js';
export { MigrationSource, type SourceOptions } from './migration/source.js';
export type { SourcePhase } from './migration/source-protocol.js';
export type { ByteChannel } from './migration/stream.js';
export type { MsiCounts, PassthroughState } from './passthrough.js';
export type { Backends, HostNetwork, HostSocket, HostSocketListener } from './pcie-devices.js';
export type { Outcome } from './run-loop.js';
export {
  type Clock,
  Runner,
  type RunnerEvents,
  type RunnerOptions,
  type RunnerState,
  systemClock,
  type Turn,
} from './runner/index.js';
export { decodeSnapshot } from './snapshot/decode.js';
export { deflateCompression } from './snapshot/deflate-compression.js';
export { encodeSnapshot } from './snapshot/encode.js';
export { type Compression, FORMAT_VERSION } from './snapshot/format.js';
export { SnapshotError } from './snapshot/snapshot-error.js';
export { type Disk, MemoryDisk } from './virtio/block.js';
