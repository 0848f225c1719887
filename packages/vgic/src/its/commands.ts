/**
 * The ITS's command formats: 32 bytes, four doublewords. Source: IHI 0069, 5.3 "The ITS commands".
 */

/** A field: doubleword, lowest bit, width. */
export interface CommandField {
  readonly doubleword: number;
  readonly shift: number;
  readonly width: number;
}

function field(doubleword: number, shift: number, width: number): CommandField {
  return { doubleword, shift, width };
}

export const FIELDS = {
  deviceId: field(0, 32, 32),
  eventId: field(1, 0, 32),
  /** Bits of EventID, less one. */
  size: field(1, 0, 5),
  intid: field(1, 32, 32),
  collection: field(2, 0, 16),
  /** Address bits 51:8 of the interrupt translation table. */
  ittAddress: field(2, 8, 44),
  /** Redistributor, by processor number since GITS_TYPER.PTA is 0. */
  target: field(2, 16, 32),
  valid: field(2, 63, 1),
  /** MOVALL's second redistributor. */
  target2: field(3, 16, 32),

  // GICv4
  vpe: field(1, 32, 16),
  virtualIntid: field(2, 0, 32),
  /** The LPI that rings when the vLPI becomes pending for a vPE that is not resident; 1023 is none. */
  doorbell: field(2, 32, 32),
  /** VMOVI.D: the doorbell changes too. */
  doorbellValid: field(2, 0, 1),
  /** Bits of the vINTIDs, less one. */
  virtualSize: field(3, 0, 5),
  /** Address bits 51:16 of the virtual pending table. */
  pendingAddress: field(3, 16, 36),

  // GICv4.1
  allocate: field(0, 8, 1),
  pendingZero: field(0, 9, 1),
  /** Address bits 51:16 of the virtual configuration table. */
  configurationAddress: field(0, 16, 36),
  defaultDoorbell: field(1, 0, 32),
  /** VMOVP.DB, and the default doorbell from then on. */
  moveDoorbell: field(2, 63, 1),
  movedDoorbell: field(3, 0, 32),
  sgiEnable: field(0, 8, 1),
  sgiClear: field(0, 9, 1),
  sgiGroup: field(0, 10, 1),
  /** Bits 7:4 of the priority. */
  sgiPriority: field(0, 20, 4),
  sgiIntid: field(0, 32, 4),
} as const;

export type FieldName = keyof typeof FIELDS;

/** Opcode and fields of each command. */
export const COMMANDS = {
  MOVI: { opcode: 0x01, fields: ['deviceId', 'eventId', 'collection'] },
  INT: { opcode: 0x03, fields: ['deviceId', 'eventId'] },
  CLEAR: { opcode: 0x04, fields: ['deviceId', 'eventId'] },
  SYNC: { opcode: 0x05, fields: ['target'] },
  MAPD: { opcode: 0x08, fields: ['deviceId', 'size', 'ittAddress', 'valid'] },
  MAPC: { opcode: 0x09, fields: ['collection', 'target', 'valid'] },
  MAPTI: { opcode: 0x0a, fields: ['deviceId', 'eventId', 'intid', 'collection'] },
  MAPI: { opcode: 0x0b, fields: ['deviceId', 'eventId', 'collection'] },
  INV: { opcode: 0x0c, fields: ['deviceId', 'eventId'] },
  INVALL: { opcode: 0x0d, fields: ['collection'] },
  MOVALL: { opcode: 0x0e, fields: ['target', 'target2'] },
  DISCARD: { opcode: 0x0f, fields: ['deviceId', 'eventId'] },
} as const satisfies Record<string, { opcode: number; fields: readonly FieldName[] }>;

export type CommandName = keyof typeof COMMANDS;

/** The commands that GICv4 adds. Source: IHI 0069, 5.3.15 "VINVALL" and following. */
export const VIRTUAL_COMMANDS = {
  VMOVI: { opcode: 0x21, fields: ['deviceId', 'eventId', 'vpe', 'doorbellValid', 'doorbell'] },
  VMOVP: { opcode: 0x22, fields: ['vpe', 'target', 'moveDoorbell', 'movedDoorbell'] },
  VSGI: { opcode: 0x23, fields: ['vpe', 'sgiIntid', 'sgiPriority', 'sgiGroup', 'sgiClear', 'sgiEnable'] },
  VSYNC: { opcode: 0x25, fields: ['vpe'] },
  VMAPP: {
    opcode: 0x29,
    fields: [
      'vpe',
      'target',
      'valid',
      'virtualSize',
      'pendingAddress',
      'allocate',
      'pendingZero',
      'configurationAddress',
      'defaultDoorbell',
    ],
  },
  VMAPTI: { opcode: 0x2a, fields: ['deviceId', 'eventId', 'vpe', 'virtualIntid', 'doorbell'] },
  VMAPI: { opcode: 0x2b, fields: ['deviceId', 'eventId', 'vpe', 'doorbell'] },
  VINVALL: { opcode: 0x2d, fields: ['vpe'] },
  INVDB: { opcode: 0x2e, fields: ['vpe'] },
} as const satisfies Record<string, { opcode: number; fields: readonly FieldName[] }>;

export type VirtualCommandName = keyof typeof VIRTUAL_COMMANDS;

const NAMES: (CommandName | undefined)[] = [];
for (const [name, { opcode }] of Object.entries(COMMANDS)) NAMES[opcode] = name as CommandName;
const VIRTUAL_NAMES: (VirtualCommandName | undefined)[] = [];
for (const [name, { opcode }] of Object.entries(VIRTUAL_COMMANDS)) VIRTUAL_NAMES[opcode] = name as VirtualCommandName;

/** One command as read from the queue: eight 32-bit words. */
export class Command {
  readonly words = new Uint32Array(8);

  /** Undefined for an opcode that is no command of a GICv3 ITS. */
  get name(): CommandName | undefined {
    return NAMES[this.words[0] & 0xff];
  }

  /** Undefined for an opcode that is not one of those that GICv4 adds. */
  get virtualName(): VirtualCommandName | undefined {
    return VIRTUAL_NAMES[this.words[0] & 0xff];
  }

  /** A field's value; a number, since none has more than 52 bits. */
  get(name: FieldName): number {
    const { doubleword, shift, width } = FIELDS[name];
    const low = this.words[doubleword * 2];
    const high = this.words[doubleword * 2 + 1];
    if (shift >= 32) {
      const value = high >>> (shift - 32);
      return width < 32 ? value & ((1 << width) - 1) : value;
    }
    if (shift + width <= 32) return width === 32 ? low : (low >>> shift) & ((1 << width) - 1);
    // across both halves: bits of the upper one weigh 2^(32 - shift)
    return (low >>> shift) + (high % 2 ** (shift + width - 32)) * 2 ** (32 - shift);
  }

  /** For people and tests: sets a field. */
  set(name: FieldName, value: number): this {
    const { doubleword, shift, width } = FIELDS[name];
    const bits = value % 2 ** width;
    const low = doubleword * 2;
    // bits of the lower half that are above the field's lowest one; what does not fit there goes on in the upper half
    const room = Math.max(0, 32 - shift);
    if (room > 0) this.words[low] |= (bits % 2 ** room) * 2 ** shift;
    this.words[low + 1] |= Math.floor(bits / 2 ** room) * 2 ** Math.max(0, shift - 32);
    return this;
  }

  static of(name: CommandName | VirtualCommandName, fields: Partial<Record<FieldName, number>> = {}): Command {
    const command = new Command();
    command.words[0] = { ...COMMANDS, ...VIRTUAL_COMMANDS }[name].opcode;
    for (const [key, value] of Object.entries(fields)) command.set(key as FieldName, value);
    return command;
  }
}
