/** What the guest `interrupts` says of itself on its console. */

/** One kind of interrupt: how many were sent, taken, never taken, and taken without having been sent. */
export interface Account {
  sent: number;
  taken: number;
  lost: number;
  spurious: number;
}

export interface GuestAccount {
  /** By kind, as the guest calls it. */
  kinds: Record<string, Account>;
  total: Account;
  /** The last line: PASS, or FAIL and why; undefined when the guest did not come that far. */
  verdict: string | undefined;
}

const KIND_LINE = /^(\S.*?) sent (\d+) taken (\d+) lost (\d+) spurious (\d+)$/;
const OTHERS_LINE = /^INTID 1023 taken (\d+), unexpected (\d+), wrong state (\d+), timed out (\d+)$/;
/** The guest's count of acknowledges that found nothing (INTID 1023) or an INTID that nobody sent. */
export const UNSENT = 'INTID 1023 or unexpected';

/** Reads the account out of the guest's console. */
export function readAccount(console: string): GuestAccount {
  const kinds: Record<string, Account> = {};
  let verdict: string | undefined;
  for (const line of console.split(/\r?\n/)) {
    const kind = KIND_LINE.exec(line);
    const others = OTHERS_LINE.exec(line);
    if (kind) {
      const [sent, taken, lost, spurious] = kind.slice(2).map(Number);
      kinds[kind[1]] = { sent, taken, lost, spurious };
    } else if (others) {
      kinds[UNSENT] = { sent: 0, taken: 0, lost: 0, spurious: Number(others[1]) + Number(others[2]) };
    } else if (/^(PASS|FAIL)\b/.test(line)) verdict = line;
  }
  const total: Account = { sent: 0, taken: 0, lost: 0, spurious: 0 };
  for (const account of Object.values(kinds)) {
    for (const key of Object.keys(total) as (keyof Account)[]) total[key] += account[key];
  }
  return { kinds, total, verdict };
}
