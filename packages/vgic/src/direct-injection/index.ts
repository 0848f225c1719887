export type { Gicv4Version } from '../architecture/gicv4.js';
export { NO_INTID } from './pending-table.js';
export { PhysicalGic, type PhysicalGicConfig } from './physical-gic.js';
export type { PhysicalMsiResult } from './physical-its.js';
