/*
 * Registers as data: offsets and fields by the architecture's names, and the register that an MRS or MSR names.
 *
 *     npm run example registers
 *
 * prints
 *
 *     GICD_TYPER is at 0x4 and reads 0x2480007
 *     ITLinesNumber 7: INTIDs below 256
 *     0xd538cc00 reads ICC_IAR1_EL1
 */
import { Gic } from 'vgic';
import { decode, GICD_V3_REGISTERS, ICC_REGISTERS } from 'vgic/architecture';

const gic = new Gic({ version: 3, vcpus: 1 });
const typer = GICD_V3_REGISTERS.find(({ name }) => name === 'GICD_TYPER')!;
const value = gic.read(0, 0x0800_0000 + typer.offset, 4);
const { ITLinesNumber } = decode(typer, value);
console.log(`${typer.name} is at 0x${typer.offset.toString(16)} and reads 0x${value.toString(16)}`);
console.log(`ITLinesNumber ${ITLinesNumber}: INTIDs below ${32 * (ITLinesNumber + 1)}`);

// A system register's encoding is bits 20:5 of the instruction, as readSystemRegister and writeSystemRegister take it.
const instruction = 0xd538_cc00; // MRS X0, ICC_IAR1_EL1
const register = ICC_REGISTERS.find(({ encoding }) => encoding === ((instruction >>> 5) & 0xffff));
console.log(`0x${instruction.toString(16)} reads ${register?.name}`);
