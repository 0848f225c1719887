import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KvmCompatibility } from '../../src/index.js';
import { BOTH_WAYS } from '../guest.js';
import { ForwardedTraffic, type HostKind, operations } from './forwarded-traffic.js';
import type { PassedThrough } from './passed-through.js';

/** What direct injection is for, and what it may not cost: each MSI is taken, and nothing else. */

const MOST_OPERATIONS = 300;
const SEED = 0x56475;
let done = 0;

function property(hosts: readonly HostKind[], onMachine?: (machine: PassedThrough) => void, kvm?: KvmCompatibility) {
  const traffic = fc.array(operations(hosts), { minLength: 1, maxLength: MOST_OPERATIONS, size: 'max' });
  return fc.property(fc.constantFrom(...hosts), traffic, (host, list) => {
    const run = new ForwardedTraffic(host, onMachine, kvm);
    for (const each of list) run.run(each);
    run.rest();
    done += list.length;
  });
}

describe.each(BOTH_WAYS)(
  'each MSI sent while mapped and enabled is taken from then on, and nothing that was not sent, %s',
  (_way, kvm) => {
    beforeAll(() => {
      done = 0;
    });

    it.each([
      ['on a host with GICv4.1', [41], 450],
      ['on a host with GICv4.0', [40], 300],
      ['while the machine moves between hosts with GICv4.1 and with none', [41, 3], 500],
      ['while the machine moves between hosts of all kinds', [41, 40, 3], 300],
    ] as const)('%s', (_name, hosts, runs) => {
      fc.assert(property(hosts, undefined, kvm), { numRuns: runs, seed: SEED });
    });

    afterAll(() => expect(done).toBeGreaterThan(200_000));
  },
);

/** Breaks one step on an instance, to see that the property notices. */
interface Breakage {
  readonly hosts: readonly HostKind[];
  readonly kvm?: KvmCompatibility;
  breakIt(machine: PassedThrough): void;
}

const LEFT_OUT: Readonly<Record<string, Breakage>> = {
  'taking an LPI back from a list register before it changes': {
    hosts: [41, 40],
    breakIt({ gic: { vcpus } }) {
      vcpus.takeBack = () => {};
    },
  },
  'unmapping the vPEs before their tables are read': {
    hosts: [41],
    breakIt({ gic: { forwarding } }) {
      if (forwarding !== undefined) forwarding.withPendingInMemory = (action) => action();
    },
  },
  'taking what is pending in software along when an LPI is forwarded': {
    hosts: [41],
    breakIt({ gic: { forwarding } }) {
      if (forwarding === undefined) return;
      const { setForwarding, setPending } = forwarding;
      forwarding.setForwarding = (...all) => {
        forwarding.setPending = () => {};
        const result = setForwarding.apply(forwarding, all);
        forwarding.setPending = setPending;
        return result;
      };
    },
  },
  'taking back what is pending when a forwarding ends': {
    hosts: [41, 40],
    breakIt({ driver }) {
      if (driver === undefined) return;
      const { unmapVlpi } = driver;
      driver.unmapVlpi = (msi) => {
        unmapVlpi.call(driver, msi);
        return false;
      };
    },
  },
  'looking at the vCPUs that wait when the distributor goes on': {
    hosts: [40],
    breakIt({ gic: { vcpus } }) {
      vcpus.kickDeliverable = () => {};
    },
  },
  'the doorbell of a vCPU that waits': {
    hosts: [41, 40],
    breakIt({ gic: { forwarding } }) {
      for (const vpe of forwarding?.vpes ?? []) vpe.onDoorbell = () => {};
    },
  },
  'asking for the doorbell where the saved vCPU waits': {
    hosts: [41],
    breakIt({ gic: { forwarding } }) {
      if (forwarding === undefined) return;
      const { withPendingInMemory, askForDoorbell } = forwarding;
      forwarding.withPendingInMemory = (action) => {
        forwarding.askForDoorbell = () => {};
        const value = withPendingInMemory.call(forwarding, action) as ReturnType<typeof action>;
        forwarding.askForDoorbell = askForDoorbell;
        return value;
      };
    },
  },
  "folding a list register into the host's pending table, as KVM 6.12 has to": {
    hosts: [41, 40],
    kvm: '6.12',
    breakIt({ gic }) {
      const { forwarding } = gic;
      if (forwarding === undefined) return;
      const { vcpus } = gic;
      const { setPending } = forwarding;
      for (const verb of ['enter', 'leave', 'put', 'wait'] as const) {
        const original = vcpus[verb];
        vcpus[verb] = (vcpu) => {
          forwarding.setPending = () => {};
          original.call(vcpus, vcpu);
          forwarding.setPending = setPending;
        };
      }
    },
  },
};

describe('a negative control: the property fails without', () => {
  it.each(Object.keys(LEFT_OUT))('%s', (name) => {
    const { hosts, kvm, breakIt } = LEFT_OUT[name];
    const { failed } = fc.check(property(hosts, breakIt, kvm), { numRuns: 300, seed: SEED, endOnFailure: true });
    expect(failed).toBe(true);
  });
});
