/** What a run has exercised: a test that never delivers an interrupt proves nothing. */
import { FIRST_LPI } from '../generator/guest-tables.js';
import { ERRNO } from '../generator/protocol.js';
import { COMMANDS } from '../operations/its/commands.js';

/** Labels of operations that have to do with an ITS, with its tables, or with LPIs and their tables. */
const ITS_LABEL =
  /^(GITS_|ITS|MSI$|irqfd MSI|route MSI|LPI|ITE |before |after |pending table|first-level|damage|collection table|device table|translation table|full collection|all of RAM|memory copy|state after restore|create ITS|initialise ITS|(save|restore|reset) (GITS_|tables|pending tables|ITS)|(save |restore )?GICR_(PROPBASER|PENDBASER|INVLPIR|INVALLR))/;

const COMMAND_NAMES: ReadonlySet<string> = new Set(COMMANDS.map(({ name }) => name));

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
  warnings = 0;
  /** Operations that have to do with ITSs and LPIs. */
  its = 0;
  /** Of the interrupts taken, LPIs. */
  lpisTaken = 0;
  /** MSIs that KVM_SIGNAL_MSI said to have delivered, and eventfds that did. */
  msisDelivered = 0;
  msis = 0;
  /** Saves that wrote translations, and restores that made some. */
  readonly tables = { saved: 0, restoredInPlace: 0, restoredInFreshVm: 0 };
  /** ITS commands by name: how often they were sent, looked at, and seen to have changed something. */
  readonly #commands = new Map<string, { sent: number; observed: number; effective: number }>();
  #before = '';

  /** Counts one operation under its label, with the left program's answer. */
  count(label: string, answer: string): void {
    let entry = this.#labels.get(label);
    if (!entry) {
      entry = { times: 0, errors: 0 };
      this.#labels.set(label, entry);
    }
    entry.times++;
    if (COMMAND_NAMES.has(label) || ITS_LABEL.test(label)) this.its++;
    if (answer.includes('"warnings":')) this.warnings++;
    const failed = /"err":-(\d+)/.exec(answer);
    if (failed) {
      entry.errors++;
      const name = answer.includes('"undef"') ? 'UNDEFINED' : (ERRNO[Number(failed[1])] ?? failed[1]!);
      this.#errors.set(name, (this.#errors.get(name) ?? 0) + 1);
      return;
    }
    if (label.startsWith('before ')) this.#before = answer;
    else if (label.startsWith('after ')) this.#countCommand(label.slice(6), answer);
    else if (label === 'enter') this.#countEntry(answer);
    else if (label === 'exit') {
      if (answer.includes('"acked"')) this.resampled++;
    } else if (label === 'create to restore') this.restores++;
    else if (ACKNOWLEDGE.test(label)) {
      this.acknowledgeReads++;
      const value = Number.parseInt(/"value":"0x([0-9a-f]+)"/.exec(answer)?.[1] ?? '3ff', 16);
      const isLpi = label.startsWith('ICC') && value >= FIRST_LPI;
      if (isLpi || (value & 0x3ff) < 1020) this.taken++;
      if (isLpi) this.lpisTaken++;
    } else this.#countIts(label, answer);
  }

  #countIts(label: string, answer: string): void {
    if (label === 'MSI' || label === 'irqfd MSI') {
      this.msis++;
      // irqfd's fast path answers 0 when it has delivered
      if (answer.includes('"ret":1') || (label !== 'MSI' && answer.includes('"ret":0'))) this.msisDelivered++;
    } else if (label === 'translation table') {
      if (/[1-9a-f]/.test(answer.slice(answer.indexOf(':')))) this.tables.saved++;
    } else if (label.startsWith('state after restore')) {
      if (!/nr_lpis:\\(?:t|u0009)[1-9]/.test(answer)) return;
      if (label === 'state after restore') this.tables.restoredInFreshVm++;
      else this.tables.restoredInPlace++;
    } else if (COMMAND_NAMES.has(label)) this.#commandOf(label).sent++;
  }

  #commandOf(name: string) {
    let entry = this.#commands.get(name);
    if (!entry) {
      entry = { sent: 0, observed: 0, effective: 0 };
      this.#commands.set(name, entry);
    }
    return entry;
  }

  #countCommand(name: string, after: string): void {
    const entry = this.#commandOf(name);
    entry.observed++;
    if (after !== this.#before) entry.effective++;
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
    if (this.#commands.size) lines.push(...this.#itsReport(share));
    if (full)
      for (const [label, { times, errors: refused }] of labels)
        lines.push(`  ${String(times).padStart(9)} ${label}${refused ? ` (refused ${refused})` : ''}`);
    return lines;
  }

  #itsReport(share: (part: number, whole: number) => string): string[] {
    const { saved, restoredInPlace, restoredInFreshVm } = this.tables;
    const commands = [...this.#commands].sort((a, b) => b[1].sent - a[1].sent);
    const sent = commands.reduce((sum, [, entry]) => sum + entry.sent, 0);
    const each = commands.map(([name, entry]) => `${name} ${entry.sent} (${share(entry.effective, entry.observed)})`);
    return [
      `  operations on ITSs and LPIs: ${this.its}`,
      `  ITS commands: ${sent}, in brackets how many of those looked at changed what can be seen: ${each.join(', ')}`,
      `  MSIs: ${this.msis}, delivered ${this.msisDelivered}; LPIs taken: ${this.lpisTaken}`,
      `  translation tables saved: ${saved}; restores that mapped LPIs: in a fresh VM ${restoredInFreshVm}, in place ${restoredInPlace}`,
    ];
  }
}
