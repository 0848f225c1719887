export { Core, type CoreOptions } from './core.js';
export { type CoreHost, Exit, type LockupReport } from './host.js';
