export { affinityOf, type InterruptKind, interruptKind } from './architecture/intid.js';
export { SYSTEM_REGISTERS, type SystemRegisterName } from './architecture/system-registers.js';
export { CpuInterface, type CpuInterfaceConfig } from './cpu-interface/cpu-interface.js';
export { ERRNO, type ErrorCode, GicError } from './errors.js';
export { Gic, type GicConfig } from './gic.js';
export { PhysicalInterrupts } from './interrupts/physical-interrupts.js';
export { COMMANDS, Command, type CommandName, type FieldName } from './its/commands.js';
export { Ram } from './memory/ram.js';
export { type Census, census } from './state/census.js';
