/** One line of the protocol: a flat JSON object, whose numbers may be JSON numbers or strings in C's notation. */

const UINT64 = (1n << 64n) - 1n;
/** JSON numbers that a double can't hold are made strings before parsing. */
const LONG_NUMBER = /([:,[]\s*)(-?\d{16,})(?=\s*[,}\]])/g;
const HAS_LONG_NUMBER = /\d{16}/;
const C_NUMBER = /^\s*[+-]?(?:0[xX][0-9a-fA-F]+|\d+)$/;

type Field = string | number | boolean | null;

/** A field that is no number where one is needed: the whole operation is refused. */
export class BadField extends Error {}

function parseC(text: string): bigint {
  if (!C_NUMBER.test(text)) throw new BadField();
  const trimmed = text.trim();
  const negative = trimmed.startsWith('-');
  const digits = trimmed.replace(/^[+-]/, '');
  // a leading zero makes it octal, as in C
  const octal = /^0[0-7]+$/.test(digits);
  if (!octal && /^0\d/.test(digits)) throw new BadField();
  const magnitude = BigInt(octal ? `0o${digits}` : digits);
  if (magnitude > UINT64) throw new BadField();
  return negative ? BigInt.asUintN(64, -magnitude) : magnitude;
}

export class Request {
  readonly #fields: Record<string, Field>;

  private constructor(fields: Record<string, Field>) {
    this.#fields = fields;
  }

  /** Undefined if the line is not a flat JSON object. */
  static parse(line: string): Request | undefined {
    let fields: unknown;
    try {
      fields = JSON.parse(HAS_LONG_NUMBER.test(line) ? line.replace(LONG_NUMBER, '$1"$2"') : line);
    } catch {
      return undefined;
    }
    if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return undefined;
    for (const value of Object.values(fields)) if (typeof value === 'object' && value !== null) return undefined;
    return new Request(fields as Record<string, Field>);
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#fields, name);
  }

  /** The client's mark, to be echoed. */
  get id(): Field | undefined {
    return this.has('id') ? this.#fields.id : undefined;
  }

  text(name: string, otherwise: string): string {
    const value = this.#fields[name];
    return typeof value === 'string' ? value : otherwise;
  }

  /** An unsigned 64-bit number. */
  u64(name: string, otherwise: bigint): bigint {
    if (!this.has(name)) return otherwise;
    const value = this.#fields[name];
    if (typeof value === 'number') {
      if (!Number.isSafeInteger(value)) throw new BadField();
      return BigInt.asUintN(64, BigInt(value));
    }
    if (typeof value === 'string') return parseC(value);
    return value === true ? 1n : 0n;
  }

  /** The same, cut to a signed 32-bit number, as a C `int` takes it. */
  int(name: string, otherwise: number): number {
    if (!this.has(name)) return otherwise;
    const value = this.#fields[name];
    if (typeof value === 'number' && Number.isSafeInteger(value)) return value | 0;
    return Number(BigInt.asIntN(32, this.u64(name, 0n)));
  }

  flag(name: string, otherwise: boolean): boolean {
    return this.int(name, otherwise ? 1 : 0) !== 0;
  }
}
