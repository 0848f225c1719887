// Writes the archive that Linux takes as its initial RAM disk: cpio in the "newc" form (Linux's documentation,
// driver-api/early-userspace/buffer-format).

const TYPE = { directory: 0o040000, file: 0o100000, link: 0o120000, device: 0o020000 };
const TRAILER = 'TRAILER!!!';

/**
 * An entry: its path without a leading slash, and what it is.
 * @typedef {{ path: string, mode?: number } & (
 *   { directory: true } | { file: Uint8Array | string } | { link: string } | { device: [major: number, minor: number] }
 * )} Entry
 */

/** Header fields after the magic: eight hexadecimal digits each, in this order. */
function header({ inode, mode, size, device: [major, minor], name }) {
  const links = 1;
  const fields = [inode, mode, 0, 0, links, 0, size, 0, 0, major, minor, name.length + 1, 0];
  return `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`;
}

function padded(bytes) {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}

function describe(entry) {
  if ('directory' in entry) return { type: TYPE.directory, permissions: 0o755, content: Buffer.alloc(0) };
  if ('file' in entry) return { type: TYPE.file, permissions: 0o644, content: Buffer.from(entry.file) };
  if ('link' in entry) return { type: TYPE.link, permissions: 0o777, content: Buffer.from(entry.link) };
  return { type: TYPE.device, permissions: 0o600, content: Buffer.alloc(0) };
}

/**
 * The archive of these entries, in their order: a directory comes before what is in it. Owner is root, time is 0, so that the
 * same entries give the same bytes.
 * @param {Entry[]} entries
 * @returns {Buffer}
 */
export function cpio(entries) {
  const parts = entries.flatMap((entry, index) => {
    const { type, permissions, content } = describe(entry);
    const mode = type | (entry.mode ?? permissions);
    const device = 'device' in entry ? entry.device : [0, 0];
    const head = header({ inode: index + 1, mode, size: content.length, device, name: entry.path });
    return [padded(Buffer.from(head)), padded(content)];
  });
  const end = header({ inode: 0, mode: 0, size: 0, device: [0, 0], name: TRAILER });
  return Buffer.concat([...parts, padded(Buffer.from(end))]);
}
