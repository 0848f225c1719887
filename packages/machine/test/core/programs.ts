/** Programs of the core's tests, for 0x40000000. Each line is an instruction word and what it is. */

/** Offset, instruction word, disassembly. */
export type Words = readonly (readonly [offset: number, word: number, text: string])[];

/** A data abort whose handler faults on its first instruction; that fault has a working handler. */
export const badHandler: Words = [
  [0x000, 0x10004000, 'adr x0, 40000800'],
  [0x004, 0xd518c000, 'msr vbar_el1, x0'],
  [0x008, 0xd50040bf, 'msr spsel, #0x0'],
  [0x00c, 0xd2a20001, 'mov x1, #0x10000000'],
  [0x010, 0xf9400022, 'ldr x2, [x1]'],
  [0x014, 0x14000000, 'b 40000014'],
  [0x800, 0xf9000020, 'str x0, [x1]'],
  [0xa00, 0xd5386003, 'mrs x3, far_el1'],
  [0xa04, 0xd5384024, 'mrs x4, elr_el1'],
  [0xa08, 0xd4000002, 'hvc #0x0'],
];

export const busError: Words = [
  [0x000, 0x10004000, 'adr x0, 40000800'],
  [0x004, 0xd518c000, 'msr vbar_el1, x0'],
  [0x008, 0xd2a10001, 'mov x1, #0x8000000'],
  [0x00c, 0xf9000021, 'str x1, [x1]'],
  [0x010, 0x14000000, 'b 40000010'],
  [0xa00, 0xd5385203, 'mrs x3, esr_el1'],
  [0xa04, 0xd5386004, 'mrs x4, far_el1'],
  [0xa08, 0xd4000002, 'hvc #0x0'],
];

/** A device write in whose course the host may change the code behind it. */
export const deviceThenCode: Words = [
  [0x000, 0xd2a12001, 'mov x1, #0x9000000'],
  [0x004, 0xd2800020, 'mov x0, #0x1'],
  [0x008, 0xb9000020, 'str w0, [x1]'],
  [0x00c, 0xd2800040, 'mov x0, #0x2'],
  [0x010, 0xd4000002, 'hvc #0x0'],
];

/** X1: address. Load-exclusive, then leave to the host, then store-exclusive. */
export const exclusive: Words = [
  [0x000, 0xc85f7c22, 'ldxr x2, [x1]'],
  [0x004, 0xd4000002, 'hvc #0x0'],
  [0x008, 0xd2800c63, 'mov x3, #0x63'],
  [0x00c, 0xc8047c23, 'stxr w4, x3, [x1]'],
  [0x010, 0xd4000002, 'hvc #0x0'],
  [0x014, 0xc85f7c22, 'ldxr x2, [x1]'],
  [0x018, 0xd5033f5f, 'clrex'],
  [0x01c, 0xc8057c23, 'stxr w5, x3, [x1]'],
  [0x020, 0xd4000002, 'hvc #0x0'],
  [0x024, 0xc87f9c26, 'ldaxp x6, x7, [x1]'],
  [0x028, 0xc8289827, 'stlxp w8, x7, x6, [x1]'],
  [0x02c, 0xd4000002, 'hvc #0x0'],
];

/** An exception return between load- and store-exclusive. */
export const exclusiveEret: Words = [
  [0x000, 0x100000c0, 'adr x0, 40000018'],
  [0x004, 0xd5184020, 'msr elr_el1, x0'],
  [0x008, 0xd28078a0, 'mov x0, #0x3c5'],
  [0x00c, 0xd5184000, 'msr spsr_el1, x0'],
  [0x010, 0xc85f7c22, 'ldxr x2, [x1]'],
  [0x014, 0xd69f03e0, 'eret'],
  [0x018, 0xc8047c22, 'stxr w4, x2, [x1]'],
  [0x01c, 0xd4000002, 'hvc #0x0'],
];

/** Writes to a device, which raises the line; the vector notes where it struck. */
export const interrupt: Words = [
  [0x000, 0x10004000, 'adr x0, 40000800'],
  [0x004, 0xd518c000, 'msr vbar_el1, x0'],
  [0x008, 0xd2a12001, 'mov x1, #0x9000000'],
  [0x00c, 0xd50343ff, 'msr daifclr, #0x3'],
  [0x010, 0xb9000020, 'str w0, [x1]'],
  [0x014, 0xd2800025, 'mov x5, #0x1'],
  [0x018, 0x14000000, 'b 40000018'],
  [0xa80, 0xd5384023, 'mrs x3, elr_el1'],
  [0xa84, 0xd538c104, 'mrs x4, isr_el1'],
  [0xa88, 0xd2805006, 'mov x6, #0x280'],
  [0xa8c, 0xd4000002, 'hvc #0x0'],
  [0xb00, 0xd5384023, 'mrs x3, elr_el1'],
  [0xb04, 0xd538c104, 'mrs x4, isr_el1'],
  [0xb08, 0xd2806006, 'mov x6, #0x300'],
  [0xb0c, 0xd4000002, 'hvc #0x0'],
];

/** Jumps to an address where nothing is, with vectors where nothing is. */
export const lockup: Words = [
  [0x000, 0xd2a20000, 'mov x0, #0x10000000'],
  [0x004, 0xd518c000, 'msr vbar_el1, x0'],
  [0x008, 0xf9400401, 'ldr x1, [x0, #8]'],
  [0x00c, 0x14000000, 'b 4000000c'],
];

/** The same with the top byte ignored and a tag in the vector base. */
export const lockupTagged: Words = [
  [0x000, 0xd2c00400, 'mov x0, #0x2000000000'],
  [0x004, 0xd5182040, 'msr tcr_el1, x0'],
  [0x008, 0xd2a20000, 'mov x0, #0x10000000'],
  [0x00c, 0xf2eb4000, 'movk x0, #0x5a00, lsl #48'],
  [0x010, 0xd518c000, 'msr vbar_el1, x0'],
  [0x014, 0xf9400401, 'ldr x1, [x0, #8]'],
  [0x018, 0x14000000, 'b 40000018'],
];

export const mmioWide: Words = [
  [0x000, 0xd2a12001, 'mov x1, #0x9000000'],
  [0x004, 0xf9400022, 'ldr x2, [x1]'],
  [0x008, 0x29411023, 'ldp w3, w4, [x1, #8]'],
  [0x00c, 0x39800425, 'ldrsb x5, [x1, #1]'],
  [0x010, 0xf9000822, 'str x2, [x1, #16]'],
  [0x014, 0xd4000002, 'hvc #0x0'],
];

/** Calls a routine, overwrites its instruction, calls it again; then patches the instruction right behind the store. */
export const selfModifying: Words = [
  [0x000, 0x100001a1, 'adr x1, 40000034'],
  [0x004, 0x100001c2, 'adr x2, 4000003c'],
  [0x008, 0x9400000b, 'bl 40000034'],
  [0x00c, 0xaa0003ea, 'mov x10, x0'],
  [0x010, 0xb9400043, 'ldr w3, [x2]'],
  [0x014, 0xb9000023, 'str w3, [x1]'],
  [0x018, 0x94000007, 'bl 40000034'],
  [0x01c, 0xaa0003eb, 'mov x11, x0'],
  [0x020, 0x10000044, 'adr x4, 40000028'],
  [0x024, 0xb9000083, 'str w3, [x4]'],
  [0x028, 0xd28000e0, 'mov x0, #0x7'],
  [0x02c, 0xaa0003ec, 'mov x12, x0'],
  [0x030, 0xd4000002, 'hvc #0x0'],
  [0x034, 0xd2800020, 'mov x0, #0x1'],
  [0x038, 0xd65f03c0, 'ret'],
  [0x03c, 0xd2800040, 'mov x0, #0x2'],
];

export const timer: Words = [
  [0x000, 0xd53be040, 'mrs x0, cntvct_el0'],
  [0x004, 0xd2800141, 'mov x1, #0xa'],
  [0x008, 0xd51be301, 'msr cntv_tval_el0, x1'],
  [0x00c, 0xd2800021, 'mov x1, #0x1'],
  [0x010, 0xd51be321, 'msr cntv_ctl_el0, x1'],
  [0x014, 0xd53be342, 'mrs x2, cntv_cval_el0'],
  [0x018, 0xd53be323, 'mrs x3, cntv_ctl_el0'],
  [0x01c, 0xd53be324, 'mrs x4, cntv_ctl_el0'],
  [0x020, 0x3617ffe4, 'tbz w4, #2, 4000001c'],
  [0x024, 0xd53be045, 'mrs x5, cntvct_el0'],
  [0x028, 0xd53be306, 'mrs x6, cntv_tval_el0'],
  [0x02c, 0xd2800061, 'mov x1, #0x3'],
  [0x030, 0xd51be321, 'msr cntv_ctl_el0, x1'],
  [0x034, 0xd53be327, 'mrs x7, cntv_ctl_el0'],
  [0x038, 0xd53be008, 'mrs x8, cntfrq_el0'],
  [0x03c, 0xd4000002, 'hvc #0x0'],
];

/** Virtual timer interrupts every 100 ticks while two counters are bumped with exclusives; MMU on, an SVC and WFI in each round. */
export const timerLoop: Words = [
  [0x000, 0x58000500, 'ldr x0, 400000a0'],
  [0x004, 0xd518c000, 'msr vbar_el1, x0'],
  [0x008, 0x58000500, 'ldr x0, 400000a8'],
  [0x00c, 0xd28080a1, 'mov x1, #0x405'],
  [0x010, 0xf9000001, 'str x1, [x0]'],
  [0x014, 0x580004e1, 'ldr x1, 400000b0'],
  [0x018, 0xf9000401, 'str x1, [x0, #8]'],
  [0x01c, 0xd5182000, 'msr ttbr0_el1, x0'],
  [0x020, 0xd2801fe1, 'mov x1, #0xff'],
  [0x024, 0xd518a201, 'msr mair_el1, x1'],
  [0x028, 0x58000481, 'ldr x1, 400000b8'],
  [0x02c, 0xd5182041, 'msr tcr_el1, x1'],
  [0x030, 0xd5381001, 'mrs x1, sctlr_el1'],
  [0x034, 0xb2400021, 'orr x1, x1, #0x1'],
  [0x038, 0xd5033fdf, 'isb'],
  [0x03c, 0xd5181001, 'msr sctlr_el1, x1'],
  [0x040, 0xd5033fdf, 'isb'],
  [0x044, 0x580003f4, 'ldr x20, 400000c0'],
  [0x048, 0x9100029f, 'mov sp, x20'],
  [0x04c, 0xd2800015, 'mov x21, #0x0'],
  [0x050, 0xd2800c93, 'mov x19, #0x64'],
  [0x054, 0xd51be313, 'msr cntv_tval_el0, x19'],
  [0x058, 0xd2800021, 'mov x1, #0x1'],
  [0x05c, 0xd51be321, 'msr cntv_ctl_el0, x1'],
  [0x060, 0xd50342ff, 'msr daifclr, #0x2'],
  [0x064, 0xc85f7e82, 'ldxr x2, [x20]'],
  [0x068, 0x91000442, 'add x2, x2, #0x1'],
  [0x06c, 0xc8037e82, 'stxr w3, x2, [x20]'],
  [0x070, 0x35ffffa3, 'cbnz w3, 40000064'],
  [0x074, 0x9b027c44, 'mul x4, x2, x2'],
  [0x078, 0x9ac44ca5, 'crc32x w5, w5, x4'],
  [0x07c, 0xf9000685, 'str x5, [x20, #8]'],
  [0x080, 0xf840d286, 'ldur x6, [x20, #13]'],
  [0x084, 0xf240145f, 'tst x2, #0x3f'],
  [0x088, 0x54000041, 'b.ne 40000090'],
  [0x08c, 0xd40000e1, 'svc #0x7'],
  [0x090, 0xf2401c5f, 'tst x2, #0xff'],
  [0x094, 0x54fffe81, 'b.ne 40000064'],
  [0x098, 0xd503207f, 'wfi'],
  [0x09c, 0x17fffff2, 'b 40000064'],
  [0x0a0, 0x40000800, '.inst 0x40000800 ; undefined'],
  [0x0a8, 0x40010000, '.inst 0x40010000 ; undefined'],
  [0x0b0, 0x40000701, '.inst 0x40000701 ; undefined'],
  [0x0b8, 0x00803519, '.inst 0x00803519 ; undefined'],
  [0x0bc, 0x00000002, 'udf #2'],
  [0x0c0, 0x40020000, '.inst 0x40020000 ; undefined'],
  [0xa00, 0xd538402a, 'mrs x10, elr_el1'],
  [0xa04, 0xd538520b, 'mrs x11, esr_el1'],
  [0xa08, 0x8b0b02b5, 'add x21, x21, x11'],
  [0xa0c, 0xd53be04c, 'mrs x12, cntvct_el0'],
  [0xa10, 0xca0c01ad, 'eor x13, x13, x12'],
  [0xa14, 0xd69f03e0, 'eret'],
  [0xa80, 0xa9bf07e0, 'stp x0, x1, [sp, #-16]!'],
  [0xa84, 0xd53be340, 'mrs x0, cntv_cval_el0'],
  [0xa88, 0x91019000, 'add x0, x0, #0x64'],
  [0xa8c, 0xd51be340, 'msr cntv_cval_el0, x0'],
  [0xa90, 0xd53be041, 'mrs x1, cntvct_el0'],
  [0xa94, 0x8b0101ce, 'add x14, x14, x1'],
  [0xa98, 0x910005ef, 'add x15, x15, #0x1'],
  [0xa9c, 0xa8c107e0, 'ldp x0, x1, [sp], #16'],
  [0xaa0, 0xd69f03e0, 'eret'],
];

export const undefinedRegister: Words = [
  [0x000, 0x10004000, 'adr x0, 40000800'],
  [0x004, 0xd518c000, 'msr vbar_el1, x0'],
  [0x008, 0xd5184600, 'msr icc_pmr_el1, x0'],
  [0x00c, 0xd538cc02, 'mrs x2, icc_iar1_el1'],
  [0x010, 0xd53b9c03, 'mrs x3, pmcr_el0'],
  [0x014, 0x14000000, 'b 40000014'],
  [0xa00, 0xd5385204, 'mrs x4, esr_el1'],
  [0xa04, 0xd5384025, 'mrs x5, elr_el1'],
  [0xa08, 0xd4000002, 'hvc #0x0'],
];

export const waits: Words = [
  [0x000, 0xd2800020, 'mov x0, #0x1'],
  [0x004, 0xd503207f, 'wfi'],
  [0x008, 0xd2800040, 'mov x0, #0x2'],
  [0x00c, 0xd503205f, 'wfe'],
  [0x010, 0xd2800060, 'mov x0, #0x3'],
  [0x014, 0xd503203f, 'yield'],
  [0x018, 0xd2800080, 'mov x0, #0x4'],
  [0x01c, 0xd40000a2, 'hvc #0x5'],
  [0x020, 0xd28000a0, 'mov x0, #0x5'],
  [0x024, 0xd4000003, 'smc #0x0'],
  [0x028, 0xd28000c0, 'mov x0, #0x6'],
  [0x02c, 0xd4000002, 'hvc #0x0'],
];

/** X0 = X0 + 1 for ever; the code that another processor patches. */
export const writer: Words = [
  [0x000, 0xd4000002, 'hvc #0x0'],
  [0x004, 0x91000400, 'add x0, x0, #0x1'],
  [0x008, 0x17ffffff, 'b 40000004'],
];
