/**
 * GICv4: a guest whose LPIs are forwarded to the host's GIC, with what its ITS, its scheduler and its VMM do meanwhile. KVM
 * loses or doubles interrupts in places (kvm/NOTES.md). The kinds here stay out of them, or go there seldom and look
 * right behind at what the oracle tells of it: then the sequence ends (harness/differences.ts).
 */
export { directCommand, resetIts } from './commands.js';
export { directSgi, switchDistributor, switchOffAndOn, switchVsgis } from './distributor.js';
export {
  blockVcpu,
  deviceMsi,
  directBoot,
  forward,
  moveVcpu,
  saveForwarded,
  settleAfterRestore,
  softwareMsi,
  unforward,
} from './forwarding.js';
export { takeAll } from './guest.js';
export { lookAtHost } from './host.js';
