export { runOnQemu as runOnOurCore } from './qemu.js';
