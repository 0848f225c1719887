import { readFileSync, statSync } from 'node:fs';
import { Refusal } from './refusal.js';

/** The contents of a file named on the command line; Refusal with one sentence when there are none. */
export function readInputFile(path: string): Uint8Array {
  try {
    if (!statSync(path).isFile()) throw new Refusal(`${path} cannot be read: it is not a file.`);
    return readFileSync(path);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const reason =
      code === 'ENOENT' || code === 'ENOTDIR'
        ? 'there is no such file'
        : code === 'EACCES'
          ? 'permission is denied'
          : code === 'ERR_FS_FILE_TOO_LARGE'
            ? 'it is too large'
            : message;
    throw new Refusal(`${path} cannot be read: ${reason}.`);
  }
}
