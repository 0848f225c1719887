import { describe, expect, it } from 'vitest';
import { callPsci, type Power, PSCI_FUNCTION, PSCI_RETURN, type PsciHost } from '../src/psci.js';

function board(powers: Power[] = ['on', 'off', 'off', 'off']) {
  const done: string[] = [];
  const host: PsciHost = {
    vcpus: powers.length,
    affinity: (vcpu) => BigInt(vcpu),
    power: (vcpu) => powers[vcpu],
    isExecutable: (address) => address >= 0x4000_0000n && address < 0x4800_0000n && address % 4n === 0n,
    powerOn: (vcpu, entry, context) => {
      powers[vcpu] = 'pending';
      done.push(`on ${vcpu} ${entry.toString(16)} ${context.toString(16)}`);
    },
    powerOff: (vcpu) => void done.push(`off ${vcpu}`),
    wait: (vcpu) => void done.push(`wait ${vcpu}`),
    systemOff: () => void done.push('system off'),
    systemReset: () => void done.push('system reset'),
  };
  const call = (...x: (number | bigint)[]) => {
    const result = callPsci(host, 0, (n) => BigInt.asUintN(64, BigInt(x[n] ?? 0)));
    return result === undefined ? undefined : Number(BigInt.asIntN(64, result));
  };
  return { call, done, powers };
}

const F = PSCI_FUNCTION;
const R = PSCI_RETURN;

describe('PSCI', () => {
  it('is version 1.1 and tells which functions there are', () => {
    const { call } = board();
    expect(call(F.PSCI_VERSION)).toBe(0x1_0001);
    for (const identifier of Object.values(F)) expect(call(F.PSCI_FEATURES, identifier)).toBe(R.SUCCESS);
    expect(call(F.PSCI_FEATURES, 0x8400_0007)).toBe(R.NOT_SUPPORTED);
    expect(call(F.MIGRATE_INFO_TYPE)).toBe(2);
    expect(call(F.SMCCC_VERSION)).toBe(0x1_0001);
    expect(call(F.SMCCC_ARCH_FEATURES, F.SMCCC_ARCH_FEATURES)).toBe(R.SUCCESS);
    expect(call(F.SMCCC_ARCH_FEATURES, 0x8000_8000)).toBe(R.NOT_SUPPORTED);
  });

  it('answers NOT_SUPPORTED to a function it does not know, also in its 64-bit form', () => {
    const { call, done } = board();
    for (const identifier of [0, 0x8400_0005, 0xc400_0002, 0x8400_00ff, 0xffff_ffff]) {
      expect(call(identifier)).toBe(R.NOT_SUPPORTED);
    }
    expect(done).toEqual([]);
  });

  it('looks at the low 32 bits of the identifier only', () => {
    expect(board().call(0xdead_beef_8400_0000n)).toBe(0x1_0001);
  });

  it('switches a vCPU on once: then it is pending, and later on', () => {
    const { call, done, powers } = board();
    expect(call(F.AFFINITY_INFO_64, 2, 0)).toBe(1);
    expect(call(F.CPU_ON_64, 2, 0x4008_0000, 0xffff_ffff_ffff_fff0n)).toBe(R.SUCCESS);
    expect(done).toEqual(['on 2 40080000 fffffffffffffff0']);
    expect(call(F.CPU_ON_64, 2, 0x4008_0000)).toBe(R.ON_PENDING);
    expect(call(F.AFFINITY_INFO_64, 2, 0)).toBe(2);
    powers[2] = 'on';
    expect(call(F.CPU_ON_64, 2, 0x4008_0000)).toBe(R.ALREADY_ON);
    expect(call(F.AFFINITY_INFO_64, 2, 0)).toBe(0);
    expect(call(F.CPU_ON_64, 0, 0x4008_0000)).toBe(R.ALREADY_ON);
    expect(done).toHaveLength(1);
  });

  it('takes the low halves of the arguments of a 32-bit call', () => {
    const { call, done } = board();
    expect(call(F.CPU_ON_32, 0xffff_ffff_0000_0001n, 0x1_4008_0000n, 0xaaaa_bbbb_cccc_ddddn)).toBe(R.SUCCESS);
    expect(done).toEqual(['on 1 40080000 ccccdddd']);
  });

  it('refuses to switch on what is not there or cannot start there', () => {
    const { call, done } = board();
    expect(call(F.CPU_ON_64, 4, 0x4008_0000)).toBe(R.INVALID_PARAMETERS);
    expect(call(F.CPU_ON_64, 0x8000_0001n, 0x4008_0000)).toBe(R.INVALID_PARAMETERS);
    expect(call(F.CPU_ON_64, 0x1_0000_0000n, 0x4008_0000)).toBe(R.INVALID_PARAMETERS);
    expect(call(F.CPU_ON_64, 1, 0x0900_0000)).toBe(R.INVALID_ADDRESS);
    expect(call(F.CPU_ON_64, 1, 0x4008_0002)).toBe(R.INVALID_ADDRESS);
    expect(call(F.CPU_ON_64, 1, 0xffff_ffff_ffff_fffcn)).toBe(R.INVALID_ADDRESS);
    expect(done).toEqual([]);
  });

  it('tells the power of a group of vCPUs: on when one of them is', () => {
    expect(board(['on', 'off']).call(F.AFFINITY_INFO_64, 0, 1)).toBe(0);
    expect(board(['off', 'pending']).call(F.AFFINITY_INFO_64, 0, 1)).toBe(2);
    expect(board(['off', 'off']).call(F.AFFINITY_INFO_64, 0, 3)).toBe(1);
    expect(board().call(F.AFFINITY_INFO_64, 0, 4)).toBe(R.INVALID_PARAMETERS);
    expect(board().call(F.AFFINITY_INFO_64, 0x100, 1)).toBe(R.INVALID_PARAMETERS);
    expect(board().call(F.AFFINITY_INFO_64, 9, 0)).toBe(R.INVALID_PARAMETERS);
  });

  it('suspends the caller as WFI does and succeeds', () => {
    const { call, done } = board();
    expect(call(F.CPU_SUSPEND_64, 0, 0, 0)).toBe(R.SUCCESS);
    expect(call(F.CPU_SUSPEND_32, 0x1_0000, 0x4000_0000, 0)).toBe(R.SUCCESS);
    expect(done).toEqual(['wait 0', 'wait 0']);
  });

  it('does not return from CPU_OFF, SYSTEM_OFF and SYSTEM_RESET', () => {
    const { call, done } = board();
    expect([call(F.CPU_OFF), call(F.SYSTEM_OFF), call(F.SYSTEM_RESET)]).toEqual([undefined, undefined, undefined]);
    expect(done).toEqual(['off 0', 'system off', 'system reset']);
  });
});
