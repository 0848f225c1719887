/** What guests/linux-init prints, taken apart. */

/** A line of /proc/interrupts: counts by CPU, and what comes after them. */
export interface InterruptLine {
  readonly counts: number[];
  readonly what: string;
}

/** The lines of the last /proc/interrupts printed, by the label before the colon; `what` has single spaces. */
export function interruptLines(output: string): Map<string, InterruptLine> {
  const lines = new Map<string, InterruptLine>();
  let cpus = 0;
  for (const [, text] of output.matchAll(/^vgic-init: interrupts (.*)$/gm)) {
    const words = text.trim().split(/\s+/);
    if (words[0].startsWith('CPU')) {
      lines.clear();
      cpus = words.length;
    } else if (words[0].endsWith(':')) {
      const counts = words.slice(1, 1 + (words[0] === 'Err:' ? 1 : cpus)).map(Number);
      lines.set(words[0].slice(0, -1), { counts, what: words.slice(1 + counts.length).join(' ') });
    }
  }
  return lines;
}

/** The one line whose text has that in it. */
export function interruptNamed(output: string, name: string): InterruptLine {
  const found = [...interruptLines(output).values()].filter(({ what }) => what.includes(name));
  if (found.length !== 1) throw new Error(`/proc/interrupts has ${found.length} lines with ${name}:\n${output}`);
  return found[0];
}

export function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

/** The numbers of the pings that were answered, in the order of the answers. */
export function answered(output: string): number[] {
  const answers = output.matchAll(/^vgic-init: ping seq=(\d+) answered \d+\.\d{3}ms$/gm);
  return [...answers].map(([, sequence]) => Number(sequence));
}
