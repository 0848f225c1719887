import type { MachineState } from '@vgic/machine';

/** Registers of the ITS: their names in a state, and of an array the place in its list. */
const REGISTERS = {
  GITS_CTLR: ['GITS_CTLR', undefined],
  GITS_BASER0: ['GITS_BASER', 0],
  GITS_BASER1: ['GITS_BASER', 1],
} as const;

/**
 * A copy of a state in which that register of the ITS is zero, as a VMM has it that does not move it. `lax`: with nothing
 * mapped, as in an ITS whose tables a restore has refused, for a VMM that goes on all the same.
 */
export function withZero(state: MachineState, register: keyof typeof REGISTERS | undefined, lax = false): MachineState {
  const its = state.gic.its.map((registers) => {
    if (register === undefined) return registers;
    const [name, at] = REGISTERS[register];
    return { ...registers, [name]: at === undefined ? 0 : (registers[name] as readonly string[]).with(at, '0x0') };
  });
  const mappings = lax ? its.map(() => ({ collections: [], devices: [] })) : state.gic.mappings;
  return { ...state, gic: { ...state.gic, its, mappings } };
}
