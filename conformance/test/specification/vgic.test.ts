import { fileURLToPath } from 'node:url';
import { KVM_DEVIATIONS } from 'vgic';
import { describe, expect, it } from 'vitest';
import { readScript, scriptName, scriptsIn } from '../../src/harness/script.js';
import { SEQUENCE_ORACLES } from '../../src/specification/oracles.js';
import { oracleOf } from '../../src/specification/report.js';

const [specification, listRegisters, deliveries] = SEQUENCE_ORACLES;

describe('a Gic', () => {
  it.each(SEQUENCE_ORACLES.map((oracle) => [oracle.name, oracle] as const))(
    'is what the judge %s demands',
    async (_name, oracle) => {
      const result = await oracle.run({ seed: 1, operations: 60_000, mostFindings: 1, shrinking: 20_000 });
      expect(result.findings.map(({ shrunk }) => [shrunk.operations, shrunk.difference.right])).toEqual([]);
      expect(result.acknowledged).toBeGreaterThan(3000);
      expect(result.moves).toBeGreaterThan(20);
    },
  );
});

const REGRESSIONS = fileURLToPath(new URL('../../regressions/architecture', import.meta.url));

describe('a script that once showed a difference shows none', () => {
  it.each(scriptsIn(REGRESSIONS).map((path) => [scriptName(path), path] as const))('%s', (_name, path) => {
    expect(oracleOf(path)?.replay(readScript(path))).toBeUndefined();
    expect(oracleOf(path)).toBeDefined();
  });
});

/** What userspace alone sees. */
const OF_THE_INTERFACE = ['identityAfterInitialisation', 'unknownItsControlAccepted'];
const SEEN = Object.keys(KVM_DEVIATIONS).filter((name) => !OF_THE_INTERFACE.includes(name));

describe('each deviation of a KVM alone is noticed', () => {
  it.each(SEEN)('%s', async (kvm) => {
    const result = await specification.run({ seed: 2, operations: 400_000, mostFindings: 1, shrinking: 1000, kvm });
    expect(result.differences).toBe(1);
  });

  it('and all together by each judge', async () => {
    for (const oracle of [specification, listRegisters, deliveries]) {
      const options = { seed: 2, operations: 20_000, mostFindings: 1, shrinking: 1000, kvm: '6.12' };
      expect((await oracle.run(options)).differences).toBe(1);
    }
  });
});
