export { affinityOf, type InterruptKind, interruptKind } from './architecture/intid.js';
export { SYSTEM_REGISTERS, type SystemRegisterName } from './architecture/system-registers.js';
export { Checkpoint, type StateArray, type StatePart, type StateVisitor, stateHash } from './checkpoint.js';
export type { GicConfig } from './config.js';
export { CpuInterface, type CpuInterfaceConfig } from './cpu-interface/cpu-interface.js';
export { ERRNO, type ErrorCode, GicError } from './errors.js';
export {
  type ArgumentCounts,
  type EventDescription,
  type EventsOf,
  type EventTable,
  eventsOf,
  type Listening,
} from './events.js';
export { type Gicv3FeatureConfig, type Gicv3Features, gicv3Features } from './frames/gicv3-features.js';
export { type ItsPlacement, itsAt } from './frames/its.js';
export { Gic } from './gic.js';
export { GIC_EVENTS } from './gic-event-descriptions.js';
export { type GicEventListeners, GicEvents } from './gic-events.js';
export { type Census, census } from './inspect/census.js';
export { vgicItsState } from './inspect/its-state.js';
export { vgicState } from './inspect/vgic-state.js';
export { PhysicalInterrupts } from './interrupts/physical-interrupts.js';
export { COMMANDS, Command, type CommandName, type FieldName } from './its/commands.js';
export {
  KVM_DEVIATIONS,
  type KvmCompatibility,
  type KvmDeviation,
  type KvmDeviationName,
  type KvmVersion,
  kvmNamed,
} from './kvm-deviations.js';
export { NO_PAGES, PageOverlay, type RamPages } from './memory/page-overlay.js';
export { Ram } from './memory/ram.js';
export { describe as describeGic } from './state/describe.js';
export type {
  CpuInterfaceParameters,
  GicDescription,
  GicState,
  Registers,
  RegisterValue,
  SavedGic,
} from './state/gic-state.js';
export { ITS_TABLE_ABIS, type ItsTableAbi } from './state/its-tables.js';
export { restoreGic } from './state/restore.js';
export { saveGic } from './state/save.js';
