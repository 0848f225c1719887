import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { CompleteDevice } from '../device-config.js';
import { Machine, type RestoreOptions } from '../machine.js';
import type { Backends } from '../pcie-devices.js';
import { decodeSnapshot } from '../snapshot/decode.js';
import { encodeSnapshot } from '../snapshot/encode.js';
import { SnapshotError } from '../snapshot/snapshot-error.js';
import { zlibCompression } from './zlib-compression.js';

/** One system call moves less than 2 GiB. */
const LARGEST_TRANSFER = 2 ** 30;
/** What typed arrays can hold; a snapshot of the largest machine is smaller. */
const LARGEST_FILE = 2 ** 32 - 1;

/**
 * Saves the machine to a file. It is written beside its place, forced to the disk and then renamed, so that at every
 * moment the place has the old file or the new one, whole; a device is written to as it is. A failure is a SnapshotError
 * and leaves no trace.
 */
export function writeSnapshot(path: string, machine: Machine): void {
  const pieces = encodeSnapshot(machine.save(), zlibCompression);
  let temporary: string | undefined;
  try {
    const there = statSync(path, { throwIfNoEntry: false });
    if (there && !there.isFile()) {
      // Such a thing is not to be replaced. What is no device may wait for ever for somebody to read.
      if (!there.isCharacterDevice()) throw new Error(there.isDirectory() ? 'it is a directory' : 'it is no file');
      const descriptor = openSync(path, 'w');
      try {
        for (const piece of pieces) writeAll(descriptor, piece);
      } finally {
        closeSync(descriptor);
      }
      return;
    }
    const created = createBeside(path);
    temporary = created.name;
    try {
      for (const piece of pieces) writeAll(created.descriptor, piece);
      fsyncSync(created.descriptor);
    } finally {
      closeSync(created.descriptor);
    }
    renameSync(temporary, path);
    temporary = undefined;
    syncDirectory(dirname(path));
  } catch (error) {
    if (temporary !== undefined) unlinkSync(temporary);
    throw new SnapshotError(`The snapshot cannot be written to ${path}: ${reason(error)}.`);
  }
}

/** What devices need of this computer, once it is known which devices there are. */
export type BackendSource = (devices: readonly CompleteDevice[]) => Backends;

/** Reads a snapshot file and builds its machine, which stands between the same two instructions; SnapshotError if it cannot. */
export function readSnapshot(
  path: string,
  backends: BackendSource = () => ({}),
  options: RestoreOptions = {},
): Machine {
  let bytes: Uint8Array;
  try {
    bytes = readWhole(path);
  } catch (error) {
    if (error instanceof SnapshotError) throw error;
    throw new SnapshotError(`The snapshot ${path} cannot be read: ${reason(error)}.`);
  }
  const state = decodeSnapshot(bytes, zlibCompression);
  return Machine.restore(state, backends(state.config.devices), options);
}

/** A new file in the directory of `path`, readable by its owner alone: it will hold the guest's memory. */
function createBeside(path: string): { name: string; descriptor: number } {
  for (let attempt = 0; ; attempt++) {
    const name = join(dirname(path), `.${basename(path)}.${process.pid}-${attempt}.partial`);
    try {
      return { name, descriptor: openSync(name, 'wx', 0o600) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt === 100) throw error;
    }
  }
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(descriptor, bytes, at, Math.min(bytes.length - at, LARGEST_TRANSFER));
  }
}

function readWhole(path: string): Uint8Array {
  // A pipe or device may never end, and opening one may wait for ever: only a file will do.
  if (!statSync(path).isFile()) throw new SnapshotError(`The snapshot ${path} is not a file.`);
  const descriptor = openSync(path, 'r');
  try {
    const { size } = fstatSync(descriptor);
    if (size > LARGEST_FILE) throw new SnapshotError(`The snapshot ${path} is larger than any machine's.`);
    const bytes = new Uint8Array(size);
    let at = 0;
    while (at < size) {
      const count = readSync(descriptor, bytes, at, Math.min(size - at, LARGEST_TRANSFER), at);
      if (count === 0) break;
      at += count;
    }
    return bytes.subarray(0, at);
  } finally {
    closeSync(descriptor);
  }
}

/** Makes the renaming itself durable, where directories can be opened. */
function syncDirectory(path: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    return;
  }
  try {
    fsyncSync(descriptor);
  } catch {
    // Some file systems refuse to sync a directory; the file itself is on the disk already.
  } finally {
    closeSync(descriptor);
  }
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const known: Record<string, string> = {
    ENOENT: 'there is no such file or directory',
    EACCES: 'permission is denied',
    EPERM: 'permission is denied',
    EISDIR: 'it is a directory',
    ENOTDIR: 'a part of its path is not a directory',
    ENOSPC: 'the disk is full',
    EROFS: 'the file system is read-only',
    EFBIG: 'the file would be too large',
  };
  return (code !== undefined && known[code]) || message;
}
