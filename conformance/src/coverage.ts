/** What a run has exercised: a test that never delivers an interrupt proves nothing. */
import { ERRNO } from './protocol.js';

const ACKNOWLEDGE = /^(ICC_IAR[01]_EL1|GICC_A?IAR) read$/;

export class Coverage {
  readonly #labels = new Map<string, { times: number; errors: number }>();
  readonly #errors = new Map<string, number>();
  readonly listRegisterStates = { pending: 0, active: 0, both: 0, overflow: 0 };
  acknowledgeReads = 0;
  taken = 0;
  entries = 0;
  entriesWithInterrupts = 0;
  restores = 0;
  resampled = 0;
  undefinedAccesses = 0;
  warnings = 0;

  /** Counts one operation under its label, with the left program's answer. */
  count(label: string, answer: string): void {
    let entry = this.#labels.get(label);
    if (!entry) {
      entry = { times: 0, errors: 0 };
      this.#labels.set(label, entry);
    }
    entry.times++;
    if (answer.includes('"warnings":')) this.warnings++;
    const failed = /"err":-(\d+)/.exec(answer);
    if (failed) {
      entry.errors++;
      const name = answer.includes('"undef"') ? 'UNDEFINED' : (ERRNO[Number(failed[1])] ?? failed[1]!);
      this.#errors.set(name, (this.#errors.get(name) ?? 0) + 1);
      return;
    }
    if (label === 'enter') this.#countEntry(answer);
    else if (label === 'exit') {
      if (answer.includes('"acked"')) this.resampled++;
    } else if (label === 'create to restore') this.restores++;
    else if (ACKNOWLEDGE.test(label)) {
      this.acknowledgeReads++;
      const value = /"value":"0x([0-9a-f]+)"/.exec(answer);
      if (value && (Number.parseInt(value[1]!, 16) & 0x3ff) < 1020) this.taken++;
    }
  }

  #countEntry(answer: string): void {
    this.entries++;
    const used = /"used":(\d+)/.exec(answer);
    if (!used || used[1] === '0') return;
    this.entriesWithInterrupts++;
    const hcr = /"hcr":"0x([0-9a-f]+)"/.exec(answer);
    if (hcr && Number.parseInt(hcr[1]!, 16) & 2) this.listRegisterStates.overflow++;
    // ICH_LR_EL2 states: bits 63:62; a register without any of the top bits has fewer than 16 digits
    for (const [, digits] of answer.matchAll(/"0x([0-9a-f]{16})"/g)) {
      const state = Number.parseInt(digits![0]!, 16) >> 2;
      if (state === 1) this.listRegisterStates.pending++;
      else if (state === 2) this.listRegisterStates.active++;
      else if (state === 3) this.listRegisterStates.both++;
    }
  }

  /** The report, one line an item. `full` lists every register and operation. */
  report(full: boolean): string[] {
    const share = (part: number, whole: number) => (whole ? `${((100 * part) / whole).toFixed(1)} %` : '-');
    const labels = [...this.#labels].sort((a, b) => (a[0] < b[0] ? -1 : 1));
    const total = labels.reduce((sum, [, { times }]) => sum + times, 0);
    const failed = labels.reduce((sum, [, { errors }]) => sum + errors, 0);
    const { pending, active, both, overflow } = this.listRegisterStates;
    const errors = [...this.#errors].sort((a, b) => b[1] - a[1]).map(([name, times]) => `${name} ${times}`);
    const registers = labels.filter(([label]) => /^(GIC|ICC)/.test(label));
    const lines = [
      `coverage: ${labels.length} kinds of operations, ${registers.length} of them accesses to a register`,
      `  refused: ${failed} (${share(failed, total)}): ${errors.join(', ') || 'none'}`,
      `  entries: ${this.entries}, with interrupts in list registers ${share(this.entriesWithInterrupts, this.entries)}, with more than fit ${overflow}`,
      `  list registers at entry (GICv3 host): pending ${pending}, active ${active}, both ${both}`,
      `  acknowledge reads: ${this.acknowledgeReads}, that took an interrupt ${this.taken} (${share(this.taken, this.acknowledgeReads)})`,
      `  restored VMs: ${this.restores}; exits that resampled a line: ${this.resampled}; WARN_ON()s of the kernel: ${this.warnings}`,
    ];
    if (full)
      for (const [label, { times, errors: refused }] of labels)
        lines.push(`  ${String(times).padStart(9)} ${label}${refused ? ` (refused ${refused})` : ''}`);
    return lines;
  }
}
