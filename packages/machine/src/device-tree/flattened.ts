/**
 * Writes a flattened device tree: the binary form, version 17, of the Devicetree Specification (release 0.4, chapter 5).
 */

/** A property's value: 32-bit cells, a string, a list of strings, bytes, or nothing (its presence is the message). */
export type PropertyValue = readonly number[] | string | readonly string[] | Uint8Array | true;

/** A node: its name with unit address, its properties in order, its children in order. */
export interface DeviceTreeNode {
  name: string;
  properties: Record<string, PropertyValue>;
  children?: DeviceTreeNode[];
}

const MAGIC = 0xd00d_feed;
const VERSION = 17;
const LAST_COMPATIBLE_VERSION = 16;
const HEADER_SIZE = 40;
const TOKEN = { beginNode: 1, endNode: 2, property: 3, end: 9 } as const;

/** The two cells of a 64-bit address or size. */
export function cells64(value: number): [number, number] {
  return [Math.floor(value / 2 ** 32), value % 2 ** 32];
}

/** The blob of a tree, its root's name empty; `bootCpu` is the `reg` of the CPU that boots. */
export function flatten(root: DeviceTreeNode, bootCpu = 0): Uint8Array {
  const strings = new StringBlock();
  const structure: number[] = [];
  writeNode(root, structure, strings);
  pushCell(structure, TOKEN.end);

  // The memory reservation block is one empty entry: nothing is reserved.
  const reservations = HEADER_SIZE;
  const structureOffset = reservations + 16;
  const stringsOffset = structureOffset + structure.length;
  const total = stringsOffset + strings.bytes.length;
  const blob = new Uint8Array((total + 7) & ~7);
  const header = [
    MAGIC,
    blob.length,
    structureOffset,
    stringsOffset,
    reservations,
    VERSION,
    LAST_COMPATIBLE_VERSION,
    bootCpu,
    strings.bytes.length,
    structure.length,
  ];
  const view = new DataView(blob.buffer);
  header.forEach((cell, index) => {
    view.setUint32(index * 4, cell);
  });
  blob.set(structure, structureOffset);
  blob.set(strings.bytes, stringsOffset);
  return blob;
}

/** Property names, each once. */
class StringBlock {
  readonly bytes: number[] = [];
  readonly #offsets = new Map<string, number>();

  offset(name: string): number {
    const known = this.#offsets.get(name);
    if (known !== undefined) return known;
    const offset = this.bytes.length;
    this.bytes.push(...terminated(name));
    this.#offsets.set(name, offset);
    return offset;
  }
}

function writeNode(node: DeviceTreeNode, out: number[], strings: StringBlock): void {
  pushCell(out, TOKEN.beginNode);
  pushAligned(out, terminated(node.name));
  for (const [name, value] of Object.entries(node.properties)) {
    const bytes = propertyBytes(value);
    pushCell(out, TOKEN.property);
    pushCell(out, bytes.length);
    pushCell(out, strings.offset(name));
    pushAligned(out, bytes);
  }
  for (const child of node.children ?? []) writeNode(child, out, strings);
  pushCell(out, TOKEN.endNode);
}

function propertyBytes(value: PropertyValue): ArrayLike<number> {
  if (value === true) return [];
  if (typeof value === 'string') return terminated(value);
  if (value instanceof Uint8Array) return value;
  const out: number[] = [];
  for (const item of value) {
    if (typeof item === 'string') out.push(...terminated(item));
    else pushCell(out, item);
  }
  return out;
}

function terminated(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

function pushCell(out: number[], value: number): void {
  out.push((value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

function pushAligned(out: number[], bytes: ArrayLike<number>): void {
  for (let index = 0; index < bytes.length; index++) out.push(bytes[index]);
  while (out.length % 4 !== 0) out.push(0);
}
