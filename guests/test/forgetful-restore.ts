import type { MachineState } from '@vgic/machine';

/** Registers of the ITS, by their offset in its frame. */
const REGISTERS = { GITS_CTLR: 0x0, GITS_BASER0: 0x100, GITS_BASER1: 0x108 };

/**
 * A copy of a state in which that register of the ITS is zero, as a VMM has it that does not move it. `lax`: with nothing
 * mapped, as in an ITS whose tables a restore has refused, for a VMM that goes on all the same.
 */
export function withZero(state: MachineState, register: keyof typeof REGISTERS | undefined, lax = false): MachineState {
  const zero = register && REGISTERS[register];
  const its = state.gic.its.map(({ registers, mappings }) => ({
    registers: registers.map(({ attr, value }) => ({ attr, value: Number(attr) === zero ? '0x0' : value })),
    mappings: lax ? { collections: [], devices: [] } : mappings,
  }));
  return { ...state, gic: { ...state.gic, its } };
}
