/** What a saved value may be; for states that come from outside. */

/** A whole number from 0 to `most`. */
export function isWhole(value: unknown, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;
}

/** A list of that many whole numbers from 0 to `most`. */
export function isWholeList(value: unknown, length: number, most: number): value is number[] {
  return Array.isArray(value) && value.length === length && value.every((each) => isWhole(each, most));
}

/** Bytes as hexadecimal text, at most so many. */
export function isHexBytes(value: unknown, most: number): value is string {
  return typeof value === 'string' && value.length % 2 === 0 && value.length <= 2 * most && /^[0-9a-f]*$/.test(value);
}

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** The bytes of a text that `isHexBytes` accepts. */
export function fromHex(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length / 2 }, (_, at) => Number.parseInt(text.slice(2 * at, 2 * at + 2), 16));
}
