import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { Refusal } from './refusal.js';
import { nonEmpty, parseTime } from './values.js';

/** Where and when to save the machine. */
export interface SaveRequest {
  path: string;
  /** At this virtual time, */
  at?: number;
  /** or when the guest's console has printed this text. */
  on?: string;
}

export interface SaveOptions {
  save?: string;
  at?: number;
  on?: string;
}

/** The options `--save`, `--at` and `--on` of a command. */
export function addSaveOptions(command: Command): Command {
  return command
    .option('--save <file>', 'save the whole machine to FILE, then quit; needs --at or --on')
    .option('--at <time>', 'save at this virtual time, such as 500ms, 2s or 1500us', parseTime)
    .option('--on <text>', "save when the guest's console has printed TEXT", nonEmpty);
}

/** What the options ask for; Refusal when they do not belong together or the file could not be written. */
export function saveRequest({ save, at, on }: SaveOptions): SaveRequest | undefined {
  if (save === undefined) {
    if (at !== undefined || on !== undefined)
      throw new Refusal('--at and --on say when to save; --save FILE is missing.');
    return undefined;
  }
  if ((at === undefined) === (on === undefined)) {
    throw new Refusal('--save needs to know when: give either --at TIME or --on TEXT.');
  }
  checkWritable(save);
  return { path: save, ...(at !== undefined && { at }), ...(on !== undefined && { on }) };
}

/** A file that cannot be written is better known before the guest has run for an hour. */
function checkWritable(path: string): void {
  const directory = dirname(path);
  const type = statSync(path, { throwIfNoEntry: false });
  if (path === '' || type?.isDirectory())
    throw new Refusal(`The snapshot cannot be written to ${path || '""'}: it is no file.`);
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    if (statSync(directory).isDirectory()) return;
  } catch {
    // Said below.
  }
  throw new Refusal(`The snapshot cannot be written to ${path}: its directory is missing or not writable.`);
}
