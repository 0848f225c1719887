export { CPUS_PER_MACHINE, Host, type HostConfig } from './host.js';
export { ItsDevice } from './its-device.js';
export type { UserBuffer } from './register-access.js';
export type { Route } from './routing.js';
export { type GicState, type RegisterRecord, restoreGic, saveGic } from './save-restore.js';
export * from './uapi.js';
export { VgicDevice } from './vgic-device.js';
export { vgicState } from './vgic-state.js';
export { VirtualMachine, type VirtualMachineConfig } from './virtual-machine.js';
