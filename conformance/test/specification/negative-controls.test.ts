import { describe, expect, it } from 'vitest';
import type { ArchitecturalGic, Vcpu } from '../../src/specification/architecture/gic.js';
import type { Interrupt } from '../../src/specification/architecture/interrupt.js';
import { checkDeliveries } from '../../src/specification/property.js';
import { compare } from '../../src/specification/run.js';
import { Specification } from '../../src/specification/specification.js';

/** A check that can't fail is none: the specification with one rule broken is told from the specification as it is. */

const OPERATIONS = 150_000;

const interruptsOf = ({ vcpus, spis, lpis }: ArchitecturalGic): Interrupt[] => [
  ...vcpus.flatMap(({ privates }) => privates),
  ...spis,
  ...lpis,
];

/** Does something else when each interrupt is acknowledged. */
function atAcknowledge(gic: ArchitecturalGic, then: (interrupt: Interrupt) => void): void {
  for (const interrupt of interruptsOf(gic)) {
    const acknowledge = interrupt.acknowledge.bind(interrupt);
    interrupt.acknowledge = () => {
      acknowledge();
      then(interrupt);
    };
  }
}

const BROKEN_RULES: Readonly<Record<string, (specification: Specification) => void>> = {
  'the lowest INTID of equal priorities'({ gic }) {
    const { highestPending } = gic;
    gic.highestPending = (vcpu) => {
      const best = highestPending.call(gic, vcpu);
      const isEqual = (other: Interrupt) => other.priority === best?.priority && gic.isDeliverable(vcpu, other);
      return interruptsOf(gic).findLast(isEqual) ?? best;
    };
  },
  'the latch is cleared at the acknowledge'({ gic }) {
    atAcknowledge(gic, (interrupt) => {
      if (!interrupt.edge) interrupt.latch = true;
    });
  },
  'a line that stays asserted makes it pending again'({ gic }) {
    atAcknowledge(gic, (interrupt) => {
      interrupt.line = false;
    });
  },
  'LPIs have no active state'({ gic }) {
    atAcknowledge(gic, (interrupt) => {
      interrupt.active = true;
    });
    const { deactivate } = gic;
    gic.deactivate = (vcpu, intid) => {
      deactivate.call(gic, vcpu, intid);
      const lpi = gic.lpis.find((each) => each.intid === intid);
      if (lpi !== undefined) lpi.active = false;
    };
  },
  'lines of edge-triggered interrupts are recorded'({ gic }) {
    const { setLine } = gic;
    gic.setLine = (vcpu, intid, level) => {
      const interrupt = gic.interrupt(vcpu, intid);
      const line = interrupt?.line ?? false;
      setLine.call(gic, vcpu, intid, level);
      if (interrupt?.edge) interrupt.line = line;
    };
  },
  'an SPI is deactivated by any vCPU'({ gic }) {
    const taker = new Map<number, Vcpu>();
    const { acknowledge, deactivate } = gic;
    gic.acknowledge = (vcpu, interrupt) => {
      taker.set(interrupt.intid, vcpu);
      acknowledge.call(gic, vcpu, interrupt);
    };
    gic.deactivate = (vcpu, intid) => {
      if (intid < 32 || taker.get(intid) === vcpu) deactivate.call(gic, vcpu, intid);
    };
  },
  'DIR is for EOImode 1 alone'({ gic }) {
    gic.deactivateAlone = (vcpu, intid) => gic.deactivate(vcpu, intid);
  },
  'an end by the register of the other group is ignored'({ gic }) {
    const { end } = gic;
    gic.end = (vcpu, intid) => end.call(gic, vcpu, intid, (group) => group >= 0);
  },
  'special INTIDs end nothing'({ gic }) {
    const { end } = gic;
    gic.end = (vcpu, intid, groups) => end.call(gic, vcpu, intid >= 1020 && intid < 1024 ? 1019 : intid, groups);
  },
  'the distributor enables each group'({ gic }) {
    Object.defineProperty(gic.groupEnabled, 0, { get: () => gic.groupEnabled[1], set: () => {} });
  },
  'a disabled group hides nothing'({ gic }) {
    const { highestPending } = gic;
    gic.highestPending = (vcpu) => {
      const best = highestPending.call(gic, vcpu);
      const isHidden = (other: Interrupt) =>
        other.pending && !other.active && other.target === vcpu.number && other.priority < (best?.priority ?? 0);
      return interruptsOf(gic).some((other) => isHidden(other) && !vcpu.groupEnabled[other.group as 0 | 1])
        ? undefined
        : best;
    };
  },
  'the common binary point is that of group 0'({ gic }) {
    for (const { priorities } of gic.vcpus) {
      const { groupPriority } = priorities;
      priorities.groupPriority = (priority, group) => {
        const { common } = priorities;
        priorities.common = false;
        const result = groupPriority.call(priorities, priority, group);
        priorities.common = common;
        return result;
      };
    }
  },
  'the mask lets a priority of its own value not through'({ gic }) {
    for (const { priorities } of gic.vcpus) {
      const { admits } = priorities;
      priorities.admits = (priority, group) => {
        priorities.mask++;
        const result = admits.call(priorities, priority, group);
        priorities.mask--;
        return result;
      };
    }
  },
  'an interrupt that waited for EnableLPIs is not lost'({ gic, its }) {
    const { isDeliverable } = gic;
    gic.isDeliverable = (vcpu, interrupt) => {
      if (interrupt.isLpi && !vcpu.lpisEnabled && interrupt.target === vcpu.number) interrupt.latch = false;
      return isDeliverable.call(gic, vcpu, interrupt);
    };
    its.enabled = false;
  },
  'MOVI takes the pending state along'({ its }) {
    const { moveEvent } = its;
    its.moveEvent = (device, event, collection) => {
      moveEvent.call(its, device, event, collection);
      const lpi = its.translation(device, event)?.lpi;
      if (lpi !== undefined) lpi.latch = false;
    };
  },
};

describe('the comparison finds a specification in which one rule is broken', () => {
  it('and no difference between the specification and itself', async () => {
    const oracle = {
      name: 'itself',
      subjects: ({ guest }: { guest: Specification['gic']['config'] }, specification: Specification) => [
        specification,
        new Specification(guest),
      ],
    };
    const result = await compare({ seed: 1, operations: OPERATIONS, mostFindings: 1 }, oracle);
    expect(result).toMatchObject({ differences: 0 });
    expect(result.acknowledged).toBeGreaterThan(8000);
    expect(result.moves).toBeGreaterThan(40);
  });

  it.each(Object.keys(BROKEN_RULES))('%s', async (rule) => {
    const oracle = {
      name: rule,
      subjects: ({ guest }: { guest: Specification['gic']['config'] }, specification: Specification) => {
        const broken = new Specification(guest);
        BROKEN_RULES[rule](broken);
        return [specification, broken];
      },
    };
    const { findings } = await compare({ seed: 1, operations: OPERATIONS, mostFindings: 1, shrinking: 30_000 }, oracle);
    expect(findings).toHaveLength(1);
    expect(findings[0].shrunk.operations.length).toBeLessThan(40);
  });
});

/** These break the property: something is lost, invented, or active for ever. */
const LOSING: Readonly<Record<string, (specification: Specification) => void>> = {
  'an edge while active is forgotten'({ gic }) {
    const { setLine } = gic;
    gic.setLine = (vcpu, intid, level) => {
      if (gic.interrupt(vcpu, intid)?.active === true && level) return;
      setLine.call(gic, vcpu, intid, level);
    };
  },
  'an SPI that another vCPU has ended stays active': BROKEN_RULES['an SPI is deactivated by any vCPU'],
  'what is pending stays with the vCPU that it was for'({ its }) {
    its.moveEvent = (device, event, collection) => {
      const translation = its.translation(device, event);
      if (translation !== undefined) translation.collection = collection;
    };
  },
  'an MSI is lost that comes while the LPI is being handled'({ gic, its }) {
    const handled = new Set<number>();
    atAcknowledge(gic, ({ intid }) => handled.add(intid));
    const { end } = gic;
    gic.end = (vcpu, intid, groups) => {
      handled.delete(intid);
      end.call(gic, vcpu, intid, groups);
    };
    const { trigger } = its;
    its.trigger = (device, event) => {
      if (!handled.has(its.translation(device, event)?.lpi.intid ?? 0)) trigger.call(its, device, event);
    };
  },
  'a falling line is noticed late'({ gic }) {
    const { setLine } = gic;
    gic.setLine = (vcpu, intid, level) => {
      const interrupt = gic.interrupt(vcpu, intid);
      setLine.call(gic, vcpu, intid, level);
      if (interrupt !== undefined && !interrupt.edge && !level && !interrupt.active) interrupt.latch = true;
    };
  },
  'CLEAR does nothing'({ its }) {
    its.clear = () => {};
  },
  'a wake-up is missed'(specification) {
    const { signals } = specification;
    let waits = 0;
    const { perform } = specification;
    specification.perform = (step) => {
      waits = step.op === 'wait' ? waits | (1 << step.vcpu) : waits;
      return perform.call(specification, step);
    };
    specification.signals = (vcpu) => {
      const seen = signals.call(specification, vcpu);
      return (waits >>> vcpu) & 1 && seen === 4 ? 0 : seen;
    };
  },
};

describe('the property over all holds for the specification', () => {
  it('over many operations', async () => {
    const result = await checkDeliveries(
      { seed: 1, operations: OPERATIONS, mostFindings: 1 },
      ({ guest }) => new Specification(guest),
    );
    expect(result).toMatchObject({ differences: 0 });
    expect(result.acknowledged).toBeGreaterThan(10_000);
  });

  it.each(Object.keys(LOSING))('and not where %s', async (rule) => {
    const { findings } = await checkDeliveries(
      { seed: 1, operations: OPERATIONS, mostFindings: 1, shrinking: 30_000 },
      ({ guest }) => {
        const broken = new Specification(guest);
        LOSING[rule](broken);
        return broken;
      },
    );
    expect(findings).toHaveLength(1);
    expect(findings[0].shrunk.operations.length).toBeLessThan(20);
  });
});
