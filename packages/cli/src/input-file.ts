import { readFileSync, statSync } from 'node:fs';
import { Refusal } from './refusal.js';

/** What keeps a file from being read, in words. */
export function unreadableBecause({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'there is no such file';
    case 'EACCES':
      return 'permission is denied';
    case 'ERR_FS_FILE_TOO_LARGE':
      return 'it is too large';
    default:
      return message;
  }
}

/** The contents of a file named on the command line; Refusal with one sentence when there are none. */
export function readInputFile(path: string): Uint8Array {
  try {
    if (!statSync(path).isFile()) throw new Refusal(`${path} cannot be read: it is not a file.`);
    return readFileSync(path);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(`${path} cannot be read: ${unreadableBecause(error as NodeJS.ErrnoException)}.`);
  }
}
