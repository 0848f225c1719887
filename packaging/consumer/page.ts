import { boot, deliver } from './consumer.js';
import * as exported from './exports.js';

/** What the tests find in the page, or in what Node prints. */
export function results(kernel: Uint8Array): string {
  const empty = Object.entries(exported).filter(([, names]) => Object.keys(names).length === 0);
  return JSON.stringify({ ...deliver(), console: boot(kernel), empty: empty.map(([name]) => name) });
}

Object.assign(globalThis, { results });
