export { CPUS_PER_MACHINE, Host, type HostConfig } from './host.js';
export { ItsDevice } from './its-device.js';
export type { MsiRoute, MsiWay } from './passed-through-msis.js';
export { fromRecords, type KvmRecords, type RegisterRecord, toRecords } from './records.js';
export type { UserBuffer } from './register-access.js';
export type { Route } from './routing.js';
export * from './uapi.js';
export { VgicDevice } from './vgic-device.js';
export { VirtualMachine, type VirtualMachineConfig } from './virtual-machine.js';
