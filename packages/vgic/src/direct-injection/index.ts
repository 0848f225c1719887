export type { Gicv4Version } from '../architecture/gicv4.js';
export { DirectInjection, type DirectInjectionContext, UNMAPPED_INTERRUPT } from './direct-injection.js';
export { type HostVpe, ItsDriver, type ItsDriverConfig, MOST_HOST_MSIS, type VpeSet } from './its-driver.js';
export { NO_INTID } from './pending-table.js';
export { PhysicalGic, type PhysicalGicConfig } from './physical-gic.js';
export type { PhysicalMsiResult } from './physical-its.js';
