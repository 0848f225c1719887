import type { CompleteConfig } from './config.js';

/** What the values of a configuration are called in a sentence; a value without a name here is told by its own. */
const NAMES: Record<string, string> = {
  vcpus: 'vCPUs',
  memory: 'bytes of memory',
  gic: 'GIC version',
  quantum: 'instructions in a turn',
  devices: 'devices',
  messageBasedSpis: 'message-based SPIs',
  extendedSpis: 'extended SPIs',
  extendedPpis: 'extended PPIs',
};
/** A longer value is cut: it may come from anywhere. */
const LONGEST_VALUE = 80;
/** No configuration goes as deep. */
const DEEPEST = 16;

/** What is the host's choice, of which the guest knows nothing: a machine may go where that is another. */
const HOSTS: ReadonlySet<string> = new Set(['gicv4', 'listRegisters', 'kvm'] satisfies (keyof CompleteConfig)[]);

/** Both sides, as the sentence calls them. */
interface Sides {
  ours: string;
  theirs: string;
}

/**
 * The first thing in which two configurations differ, as part of a sentence; undefined when they are the same. Compares
 * whatever there is, also what this version does not know of: a machine with more is another machine.
 */
export function configDifference(ours: object, theirs: object, sides: Sides): string | undefined {
  for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    if (HOSTS.has(key)) continue;
    const mine = canonical((ours as Record<string, unknown>)[key]);
    const other = canonical((theirs as Record<string, unknown>)[key]);
    if (mine === other) continue;
    const name = Object.hasOwn(NAMES, key) ? NAMES[key] : JSON.stringify(shorten(key));
    return `${name}: ${sides.ours} has ${shorten(mine)}, ${sides.theirs} ${shorten(other)}`;
  }
  return undefined;
}

/** Equal for equal values, whatever the order of their keys. */
function canonical(value: unknown, depth = 0): string {
  if (value === undefined) return 'none';
  if (depth > DEEPEST) return 'more';
  if (Array.isArray(value)) return `[${value.map((each) => canonical(each, depth + 1)).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, each]) => `${JSON.stringify(key)}: ${canonical(each, depth + 1)}`).join(', ')}}`;
}

function shorten(text: string): string {
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}
