/** Reads a flattened device tree back (Devicetree Specification 0.4, chapter 5), strictly, for tests. */

export interface ReadNode {
  name: string;
  properties: Map<string, Uint8Array>;
  children: ReadNode[];
}

export function readTree(blob: Uint8Array): ReadNode {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  const [magic, total, structure, strings, reservations, version, compatible, , stringsSize, structureSize] =
    Array.from({ length: 10 }, (_, index) => view.getUint32(index * 4));
  if (magic !== 0xd00dfeed) throw new Error('no magic');
  if (total !== blob.length) throw new Error('wrong total size');
  if (version !== 17 || compatible !== 16) throw new Error('wrong version');
  if (reservations % 8 !== 0 || structure % 4 !== 0) throw new Error('blocks are not aligned');
  if (reservations + 16 > structure || structure + structureSize > strings || strings + stringsSize > total) {
    throw new Error('blocks overlap or are out of order');
  }
  if (view.getBigUint64(reservations) !== 0n || view.getBigUint64(reservations + 8) !== 0n) {
    throw new Error('the reservation block does not end');
  }
  let at = structure;
  const cell = () => {
    at += 4;
    return view.getUint32(at - 4);
  };
  const text = (from: number) => {
    const end = blob.indexOf(0, from);
    return new TextDecoder().decode(blob.subarray(from, end));
  };
  const node = (): ReadNode => {
    const name = text(at);
    at = (at + name.length + 1 + 3) & ~3;
    const result: ReadNode = { name, properties: new Map(), children: [] };
    for (;;) {
      const token = cell();
      if (token === 1) result.children.push(node());
      else if (token === 2) return result;
      else if (token === 3) {
        if (result.children.length > 0) throw new Error('a property after a child');
        const length = cell();
        const property = text(strings + cell());
        if (result.properties.has(property)) throw new Error(`${property} twice`);
        result.properties.set(property, blob.slice(at, at + length));
        at = (at + length + 3) & ~3;
      } else throw new Error(`token ${token}`);
    }
  };
  if (cell() !== 1) throw new Error('no root');
  const root = node();
  if (cell() !== 9 || at !== structure + structureSize) throw new Error('no end');
  return root;
}

export function findNode(root: ReadNode, path: string): ReadNode | undefined {
  let node: ReadNode | undefined = root;
  for (const part of path.split('/').filter(Boolean)) node = node?.children.find((child) => child.name === part);
  return node;
}

export function cellsOf(node: ReadNode, property: string): number[] {
  const bytes = node.properties.get(property)!;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(index * 4));
}

export function stringsOf(node: ReadNode, property: string): string[] {
  return new TextDecoder().decode(node.properties.get(property)!).split('\0').slice(0, -1);
}
