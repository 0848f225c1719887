import type { EventTable } from './events.js';
import type { GicEventListeners } from './gic-events.js';

const VCPU = ['vcpu', 'The vCPU.'] as const;
const OWNER = ['vcpu', 'The vCPU that a private interrupt is of; -1 for an SPI or LPI.'] as const;
const INTID = ['intid', 'The interrupt.'] as const;
const REQUESTER = ['requester', 'The vCPU that makes the access; -1 for userspace.'] as const;
const ACCESS = [
  REQUESTER,
  ['vcpu', 'The vCPU whose frame it is, or the number of the ITS.'],
  ['frame', 'The frame; frame.at(offset) is the register.'],
  ['offset', 'Where in the frame, in bytes.'],
  ['width', 'Of the access, in bytes.'],
  ['low', 'The value: 32 bits, with sign.'],
  ['high', 'Its upper half in an access of 8 bytes, with sign; else 0.'],
] as const;
const LIST_REGISTER = [
  VCPU,
  ['n', 'The list register.'],
  ['low', 'ICH_LR<n>_EL2, lower half: the vINTID; of a GICv2’s SGI also the sender, from bit 10 on.'],
  ['high', 'Its upper half, with sign, whatever the version of the host: state, HW, group, priority, pINTID or EOI.'],
] as const;
const SYSTEM_REGISTER = [REQUESTER, VCPU, ['encoding', 'See SYSTEM_REGISTERS.']] as const;

/** The vocabulary of a GIC. */
export const GIC_EVENTS: EventTable<GicEventListeners> = {
  line: {
    meaning: 'A device has driven an input line: its level has changed, or it was an edge.',
    arguments: [OWNER, INTID, ['level', '1 or 0; 1 for an edge.']],
  },
  latch: {
    meaning:
      'The pending latch is set, perhaps again, or is set no more: by an edge, an SGI, an MSI, a register, a pending table. What ' +
      'list registers take from it and give back is told as filled and folded.',
    arguments: [OWNER, INTID, ['set', '1 or 0.']],
  },
  queued: { meaning: 'An interrupt is a candidate for the list registers of a vCPU.', arguments: [VCPU, INTID] },
  kick: {
    meaning: 'Something became deliverable for a vCPU: take it out of the guest and in again, or wake it from WFI.',
    arguments: [VCPU],
  },
  filled: { meaning: 'A list register gets an interrupt.', arguments: LIST_REGISTER },
  folded: { meaning: 'What a list register holds goes back to the interrupt.', arguments: LIST_REGISTER },
  maintenance: {
    meaning: 'A vCPU leaves the guest while its list registers assert a maintenance interrupt.',
    arguments: [VCPU, ['status', 'ICH_MISR_EL2.']],
  },
  acknowledged: {
    meaning: 'The guest has acknowledged an interrupt; no spurious one is told.',
    arguments: [VCPU, INTID, ['priority', 'Its priority.'], ['group', '0 or 1.']],
  },
  priorityDropped: {
    meaning: 'The guest has written an end of interrupt.',
    arguments: [VCPU, ['intid', 'What it has written.'], ['priority', 'The group priority that was dropped, or 255.']],
  },
  deactivated: { meaning: 'The guest has deactivated an interrupt in a list register.', arguments: [VCPU, INTID] },
  resample: {
    meaning: 'The guest has ended a level-sensitive SPI: its source may have to raise the line again.',
    arguments: [INTID],
  },
  command: {
    meaning: 'An ITS is about to carry a command out.',
    arguments: [
      ['its', 'The number of the ITS.'],
      ['command', 'The command. The object is used again: copy what is to be kept.'],
    ],
  },
  registerRead: { meaning: 'A register of a frame has been read, or what is none.', arguments: ACCESS },
  registerWritten: {
    meaning: 'A register of a frame is about to be written, or what is none.',
    arguments: ACCESS,
  },
  systemRegisterRead: {
    meaning: 'An ICC_* register has been read.',
    arguments: [...SYSTEM_REGISTER, ['value', '32 bits, with sign.']],
  },
  systemRegisterWritten: {
    meaning: 'An ICC_* register is about to be written.',
    arguments: [...SYSTEM_REGISTER, ['low', 'The lower 32 bits, with sign.']],
  },
  doorbell: { meaning: 'With a GICv4: the doorbell of a vCPU’s vPE has rung; a kick follows.', arguments: [VCPU] },
  resident: {
    meaning: 'With a GICv4: a vCPU’s vPE has become resident, or is so no more.',
    arguments: [VCPU, ['resident', '1 or 0.']],
  },
  saved: { meaning: 'The state of the GIC has been saved.', arguments: [] },
  restored: { meaning: 'The state of the GIC has been restored.', arguments: [] },
};
