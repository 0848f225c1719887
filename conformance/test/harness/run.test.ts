import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Operation } from '../../src/generator/protocol.js';
import { buildOracle, ENABLING_COMMAND, oracleMissing, PROJECT } from '../../src/harness/oracle.js';
import { Pair } from '../../src/harness/pair.js';
import { type RunResult, run } from '../../src/harness/run.js';
import { replay, scriptsIn } from '../../src/harness/script.js';
import { PROFILES } from '../../src/profiles/index.js';

const FALSIFIER = fileURLToPath(new URL('falsifier.mjs', import.meta.url));
const REGRESSIONS = join(PROJECT, 'conformance/regressions');
const VGIC = [process.execPath, join(PROJECT, 'packages/cli/bin/vgic.js'), 'exec', '--kvm', '6.12'];
const VGIC_BUILT = join(PROJECT, 'packages/cli/dist/commands/exec.js');
const missing = oracleMissing();
const needsOracle = missing ? `(skipped: ${missing})` : '';

describe.skipIf(missing)(`the differential test against KVM's VGIC ${needsOracle}`.trim(), () => {
  let oracle: string[] = [];
  beforeAll(() => {
    oracle = buildOracle();
  }, 300_000);

  const runAgainst = (fault: string, profile: string, operations: number, patience = 30_000): Promise<RunResult> =>
    run({
      left: oracle,
      right: [process.execPath, FALSIFIER, fault, ...oracle],
      profiles: PROFILES.filter(({ name }) => name === profile),
      seed: 7,
      operations,
      lanes: 1,
      mostFindings: 1,
      patience,
      shrinking: patience < 5000 ? 6000 : 30_000,
    });

  /** The smallest sequence that shows the fault. */
  const smallest = async (fault: string, profile: string): Promise<readonly Operation[]> => {
    const { findings, differences } = await runAgainst(fault, profile, 200_000);
    expect(differences).toBeGreaterThan(0);
    return findings[0]!.shrunk.operations;
  };

  it('finds no difference between the oracle and itself over 200 000 operations of every profile', async () => {
    const result = await run({
      left: oracle,
      right: oracle,
      profiles: PROFILES,
      seed: 7,
      operations: 200_000,
      lanes: 2,
      mostFindings: 1,
    });
    expect(result.findings).toEqual([]);
    expect(result.differences).toBe(0);
    expect(result.operations).toBeGreaterThanOrEqual(200_000);
    // and they were operations that matter
    expect(result.coverage.taken).toBeGreaterThan(1000);
    expect(result.coverage.restores).toBeGreaterThan(20);
    expect(result.coverage.listRegisterStates.overflow).toBeGreaterThan(100);
    expect(result.coverage.listRegisterStates.both).toBeGreaterThan(100);
    expect(result.coverage.msisDelivered).toBeGreaterThan(500);
    expect(result.coverage.lpisTaken).toBeGreaterThan(100);
    expect(result.coverage.tables.saved).toBeGreaterThan(100);
    expect(result.coverage.tables.restoredInFreshVm).toBeGreaterThan(10);
    expect(result.coverage.tables.restoredInPlace).toBeGreaterThan(50);
  });

  it('finds no difference through a proxy that falsifies nothing', async () => {
    expect((await runAgainst('none', 'everything', 20_000)).differences).toBe(0);
  });

  it('finds a lost ICH_HCR.UIE and shrinks it to the interrupts that overflow the list registers', async () => {
    const operations = await smallest('underflow-enable', 'delivery-v3');
    expect(operations.at(-1)?.op).toBe('flush');
    expect(operations.length).toBeLessThanOrEqual(10);
  });

  it('finds a falling line that is not noticed, although only a later answer shows it', async () => {
    const operations = await smallest('falling-line', 'delivery-v3');
    expect(operations.some(({ op, level }) => op === 'irq_line' && level === 0)).toBe(true);
    expect(operations.length).toBeLessThanOrEqual(9);
  });

  it('finds a wrong INTID in ICC_IAR1_EL1 and shrinks it to one delivered interrupt', async () => {
    const operations = await smallest('wrong-intid', 'delivery-v3');
    expect(operations.at(-1)).toMatchObject({ op: 'icc_read', reg: 'ICC_IAR1_EL1' });
    expect(operations.length).toBeLessThanOrEqual(9);
  });

  it('finds a wrong errno and shrinks it to a handful of operations', async () => {
    expect((await smallest('errno', 'user-space')).length).toBeLessThanOrEqual(3);
  });

  it('finds a lost command of an ITS by the MSI that still arrives', async () => {
    const operations = await smallest('discard', 'its-commands');
    expect(operations.some(({ op, hex }) => op === 'mem_write' && String(hex).startsWith('0f'))).toBe(true);
    expect(operations.length).toBeLessThanOrEqual(40);
  });

  it('finds pending tables that were not saved', async () => {
    const operations = await smallest('pending-tables', 'its-migration');
    expect(operations.some(({ op, group, attr }) => op === 'set_attr' && group === 4 && attr === 3)).toBe(true);
    expect(operations.length).toBeLessThanOrEqual(30);
  });

  it('finds a restore of damaged tables that fails with another error', async () => {
    const operations = await smallest('restore-error', 'its-migration');
    expect(operations.at(-1)).toMatchObject({ op: 'set_attr', group: 4, attr: 2 });
    expect(operations.length).toBeLessThanOrEqual(20);
  });

  it('finds a MOVI that does not take a forwarded LPI to another vPE', async () => {
    const operations = await smallest('movi', 'gicv4');
    expect(operations.some(({ op, hex }) => op === 'mem_write' && String(hex).startsWith('01'))).toBe(true);
    expect(operations.length).toBeLessThanOrEqual(40);
  });

  it('finds a doorbell that did not ring for a vCPU that waits', async () => {
    const operations = await smallest('doorbell', 'gicv4');
    expect(operations.at(-1)?.op).toBe('pending');
    expect(operations.length).toBeLessThanOrEqual(30);
  });

  it('finds a program that ends, and goes on with a new one to shrink it', async () => {
    const operations = await smallest('crash', 'delivery-v3');
    expect(operations.at(-1)).toMatchObject({ op: 'icc_write', reg: 'ICC_DIR_EL1' });
    expect(operations.length).toBeLessThanOrEqual(2);
  });

  it('finds a program that falls silent, and tells which operation was not answered', async () => {
    const { findings } = await runAgainst('silence', 'delivery-v3', 200_000, 2000);
    const { operations, difference } = findings[0]!.shrunk;
    expect(operations.at(-1)).toMatchObject({ op: 'icc_write', reg: 'ICC_BPR0_EL1' });
    expect(difference.right).toContain('no answer within 2 s');
  });
});

describe.skipIf(missing || !existsSync(VGIC_BUILT))(
  `vgic ${missing ? needsOracle : existsSync(VGIC_BUILT) ? '' : '(skipped: not built: npm run build)'}`.trim(),
  () => {
    it("answers as KVM's VGIC does over 600 000 operations of every profile", async () => {
      const { operations, findings, coverage } = await run({
        left: buildOracle(),
        right: VGIC,
        profiles: PROFILES,
        seed: 11,
        operations: 600_000,
        lanes: 2,
        mostFindings: 1,
      });
      expect(findings.map(({ shrunk }) => [shrunk.operations, shrunk.difference])).toEqual([]);
      expect(operations).toBeGreaterThanOrEqual(600_000);
      expect(coverage.taken).toBeGreaterThan(2000);
    });

    it.each(scriptsIn(REGRESSIONS))('answers as KVM does in the script %s', async (path) => {
      const pair = new Pair(buildOracle(), VGIC);
      const { lines, same } = await replay(pair, path);
      pair.stop();
      expect(same, lines.slice(-4).join('\n')).toBe(true);
    });
  },
);

describe('the differential test', () => {
  it('names the command that makes the oracle available', () => {
    expect(ENABLING_COMMAND).toContain('linux-source-6.12');
  });
});
