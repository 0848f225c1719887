export type { Gicv4Version } from './architecture/gicv4.js';
export { Forwarding, type ForwardingContext, UNMAPPED_INTERRUPT } from './forwarding/forwarding.js';
export { DRIVER_EVENTS, type DriverEventListeners, DriverEvents, type Fields } from './physical-gic/driver-events.js';
export {
  type DriverVpe,
  Gicv4Driver,
  type Gicv4DriverConfig,
  MOST_MSIS,
  type VpeSet,
} from './physical-gic/gicv4-driver.js';
export { NO_INTID } from './physical-gic/pending-table.js';
export { PhysicalGic, type PhysicalGicConfig } from './physical-gic/physical-gic.js';
export type { PhysicalMsiResult } from './physical-gic/physical-its.js';
