import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Gic, GicError } from '../../src/index.js';
import { PassedThrough } from '../forwarding/passed-through.js';
import { Guest, SPURIOUS } from '../guest.js';

/** Where a vCPU is, and what each verb makes of it. */

const VERBS = ['load', 'enter', 'leave', 'put', 'exit', 'wait'] as const;
type Verb = (typeof VERBS)[number];
type Place = 'out' | 'waiting' | 'loaded' | 'in the guest';

function placeOf({ vcpus }: Gic, vcpu = 0): Place {
  if (vcpus.isWaiting(vcpu)) return 'waiting';
  if (vcpus.isInGuest(vcpu)) return 'in the guest';
  return vcpus.isLoaded(vcpu) ? 'loaded' : 'out';
}

const WAY_TO: Record<Place, readonly Verb[]> = {
  out: [],
  waiting: ['wait'],
  loaded: ['load'],
  'in the guest': ['enter'],
};

const RESULTS: Record<Verb, Record<Place, Place>> = {
  load: { out: 'loaded', waiting: 'loaded', loaded: 'loaded', 'in the guest': 'in the guest' },
  enter: { out: 'in the guest', waiting: 'in the guest', loaded: 'in the guest', 'in the guest': 'in the guest' },
  leave: { out: 'out', waiting: 'waiting', loaded: 'loaded', 'in the guest': 'loaded' },
  put: { out: 'out', waiting: 'waiting', loaded: 'out', 'in the guest': 'out' },
  exit: { out: 'out', waiting: 'waiting', loaded: 'out', 'in the guest': 'out' },
  wait: { out: 'waiting', waiting: 'waiting', loaded: 'waiting', 'in the guest': 'waiting' },
};

const HOSTS = [3, 40, 41] as const;
const TRANSITIONS = VERBS.flatMap((verb) =>
  (Object.keys(WAY_TO) as Place[]).map((from) => ({ verb, from, to: RESULTS[verb][from] })),
);

describe.each(HOSTS)('on a host with GICv%d (3: none for vLPIs)', (gicv4) => {
  it.each(TRANSITIONS)('$verb of a vCPU that is $from: it is $to', ({ verb, from, to }) => {
    const { gic } = PassedThrough.ready({ gicv4 });
    for (const step of WAY_TO[from]) gic[step](0);
    expect(placeOf(gic)).toBe(from);
    gic[verb](0);
    expect(placeOf(gic)).toBe(to);
    expect(gic.forwarding?.isResident(0) ?? gic.isLoaded(0)).toBe(gic.isLoaded(0));
    expect(placeOf(gic, 1)).toBe('out');
  });
});

it.each([2, -1, 0.5, Number.NaN])('a vCPU that there is not is refused by every verb: %d', (vcpu) => {
  const { gic } = Guest.ready({ vcpus: 2 });
  for (const verb of VERBS) expect(() => gic[verb](vcpu)).toThrow(GicError);
  gic.enter(0);
  const kicked: number[] = [];
  gic.events.on('kick', (kick) => kicked.push(kick));
  gic.irqs.kick(0);
  expect(kicked).toEqual([0]);
});

describe('a vCPU in the guest that makes an access', () => {
  /** How often list registers are written, and who is told of a kick. */
  function observed(guest: Guest): { fills: number; kicked: number[] } {
    const seen = { fills: 0, kicked: [] as number[] };
    const cpu = guest.gic.cpuInterface(0);
    const original = cpu.setListRegister;
    cpu.setListRegister = (...all) => {
      seen.fills++;
      original.apply(cpu, all);
    };
    guest.gic.events.on('kick', (vcpu) => seen.kicked.push(vcpu));
    return seen;
  }

  it('that makes something pending for it has it in one entry, which its kick needs no other for', () => {
    const guest = Guest.ready({ vcpus: 2 });
    guest.spi(40, { edge: true });
    guest.enter();
    const seen = observed(guest);
    guest.mark('ISPENDR', 40);
    expect(guest.gic.irqAsserted(0)).toBe(true);
    expect(seen).toEqual({ fills: 1, kicked: [] });
    expect(guest.gic.kicks(0)).toBe(1);
  });

  it('that makes something pending for another one as well has that one kicked', () => {
    const guest = Guest.ready({ vcpus: 2 });
    guest.enter();
    const seen = observed(guest);
    guest.sendSgi(3, [0, 1], 0);
    expect(seen).toEqual({ fills: 1, kicked: [1] });
  });

  it('is kicked again by what comes after it', () => {
    const guest = Guest.ready();
    guest.spi(40, { edge: true });
    guest.enter();
    const seen = observed(guest);
    guest.mark('ISPENDR', 40);
    guest.gic.setLine(40, true);
    expect(seen).toEqual({ fills: 1, kicked: [0] });
  });

  it('and is taken off its CPU by a listener meanwhile is told then that it was kicked', () => {
    const guest = Guest.ready({ vcpus: 2 });
    guest.enter();
    const kicked: [number, Place][] = [];
    guest.gic.events.on('kick', (vcpu) => {
      kicked.push([vcpu, placeOf(guest.gic, vcpu)]);
      if (vcpu === 1) guest.gic.wait(0);
    });
    guest.sendSgi(3, [0, 1], 0);
    expect(kicked).toEqual([
      [1, 'out'],
      [0, 'waiting'],
    ]);
    expect(placeOf(guest.gic)).toBe('waiting');
    expect(guest.gic.hasPending(0)).toBe(true);
    expect(guest.serve()).toEqual([3]);
  });
});

describe('a kick that comes while a vCPU changes its place', () => {
  it('is told when the vCPU is where it goes', () => {
    const guest = Guest.ready();
    guest.spi(40);
    let told: Place | undefined;
    guest.gic.events.on('kick', () => {
      told = placeOf(guest.gic);
    });
    guest.gic.events.on('resample', () => {
      guest.gic.setLine(40, false);
      guest.gic.setLine(40, true);
    });
    guest.gic.setLine(40, true);
    guest.enter();
    guest.end(guest.acknowledge());
    told = undefined;
    guest.gic.wait(0);
    expect(told).toBe('waiting');
  });

  it('and a resampler that takes its vCPU elsewhere in the middle of that loses nothing', () => {
    const guest = Guest.ready();
    for (const intid of [40, 41]) guest.spi(intid);
    guest.gic.events.on('resample', (intid) => {
      for (const verb of VERBS) guest.gic[verb](0);
      guest.gic.setLine(intid, false);
    });
    for (const intid of [40, 41]) guest.gic.setLine(intid, true);
    guest.enter();
    guest.end(guest.acknowledge());
    guest.gic.exit(0);
    expect(placeOf(guest.gic)).toBe('out');
    expect(guest.serve()).toEqual([41]);
  });
});

// ---- any order of verbs, with listeners that act at once

const VCPUS = 3;
const SPIS = [40, 41, 42, 43];

type Step =
  | { op: 'verb'; verb: Verb; vcpu: number }
  | { op: 'edge'; intid: number }
  | { op: 'sgi'; sender: number; target: number }
  | { op: 'move'; intid: number; vcpu: number; by: number }
  | { op: 'serve'; vcpu: number }
  | { op: 'readActive'; by: number };

interface Reaction {
  readonly verb: Verb;
  /** Of the vCPU that was kicked, or of another one. */
  readonly offset: number;
}

const vcpu = fc.nat(VCPUS - 1);
const verb = fc.constantFrom(...VERBS);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ op: fc.constant('verb' as const), verb, vcpu }) },
  { weight: 6, arbitrary: fc.record({ op: fc.constant('edge' as const), intid: fc.constantFrom(...SPIS) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('sgi' as const), sender: vcpu, target: vcpu }) },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant('move' as const), intid: fc.constantFrom(...SPIS), vcpu, by: vcpu }),
  },
  { weight: 5, arbitrary: fc.record({ op: fc.constant('serve' as const), vcpu }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('readActive' as const), by: vcpu }) },
);
const reaction: fc.Arbitrary<Reaction> = fc.record({ verb, offset: fc.constantFrom(0, 0, 1, 2) });

/** What is sent and not taken yet. */
class Owed {
  readonly keys = new Set<string>();

  sent(intid: number, vcpu = 0): void {
    this.keys.add(intid < 16 ? `${intid}@${vcpu}` : `${intid}`);
  }
  taken(intid: number, vcpu: number): void {
    this.keys.delete(intid < 16 ? `${intid}@${vcpu}` : `${intid}`);
  }
}

function checkPlaces(gic: Gic): void {
  for (let n = 0; n < VCPUS; n++) {
    if (!gic.isInGuest(n) && gic.cpuInterface(n).used > 0) throw new Error(`vCPU ${n} is out, its list registers full`);
    if (gic.forwarding !== undefined && gic.forwarding.isResident(n) !== gic.isLoaded(n)) {
      throw new Error(`vCPU ${n} and its vPE are not in the same place`);
    }
  }
}

/** @throws where something is lost, or a vCPU is where it can't be. */
function run(
  gicv4: 3 | 40 | 41,
  steps: readonly Step[],
  reactions: readonly Reaction[],
  sabotage: (gic: Gic) => void,
): void {
  const { gic, guest } = PassedThrough.ready({ gicv4, vcpus: VCPUS, cpus: VCPUS, listRegisters: 2 });
  for (const intid of SPIS) guest.spi(intid, { edge: true });
  const owed = new Owed();
  let next = 0;
  let depth = 0;
  const endReactions = gic.events.on('kick', (kicked) => {
    if (depth > 2 || reactions.length === 0) return;
    depth++;
    const { verb, offset } = reactions[next++ % reactions.length];
    gic[verb]((kicked + offset) % VCPUS);
    depth--;
  });
  sabotage(gic);
  const serve = (n: number) => {
    const intid = guest.acknowledge(n);
    if (intid === SPURIOUS) return false;
    owed.taken(intid, n);
    guest.end(intid, n);
    return true;
  };
  for (const step of steps) {
    switch (step.op) {
      case 'verb':
        gic[step.verb](step.vcpu);
        break;
      case 'edge':
        owed.sent(step.intid);
        gic.setLine(step.intid, true);
        break;
      case 'sgi':
        owed.sent(5, step.target);
        guest.sendSgi(5, [step.target], step.sender);
        break;
      case 'move':
        gic.write(step.by, guest.address('GICD_IROUTER', step.intid * 8), 4, step.vcpu, 0);
        break;
      case 'serve':
        if (gic.isInGuest(step.vcpu)) serve(step.vcpu);
        break;
      case 'readActive':
        guest.load('GICD_ISACTIVER', 4, step.by);
        break;
    }
    checkPlaces(gic);
  }
  endReactions();
  for (let round = 0; round < 20; round++) {
    for (let n = 0; n < VCPUS; n++) {
      gic.enter(n);
      while (serve(n)) gic.enter(n);
      gic.exit(n);
    }
  }
  if (owed.keys.size > 0) throw new Error(`lost: ${[...owed.keys].join(' ')}`);
}

const property = (sabotage: (gic: Gic) => void = () => {}) =>
  fc.property(
    fc.constantFrom(...HOSTS),
    fc.array(step, { maxLength: 80, size: 'max' }),
    fc.array(reaction, { maxLength: 8 }),
    (gicv4, steps, reactions) => run(gicv4, steps, reactions, sabotage),
  );

describe('any order of verbs, with listeners that act at once', () => {
  it('loses nothing, and each vCPU is where the verbs have brought it', () => {
    fc.assert(property(), { numRuns: 500 });
  });

  /** A check that cannot fail is none. */
  it.each<[string, (gic: Gic) => void]>([
    [
      'a vCPU that leaves with its list registers unread',
      (gic) => {
        const { put } = gic.vcpus;
        gic.vcpus.put = (n) => {
          gic.cpuInterface(n).used = 0;
          put.call(gic.vcpus, n);
        };
      },
    ],
    [
      'an access after which the vCPU stays out of the guest',
      (gic) => {
        gic.vcpus.resume = () => {};
        gic.vcpus.leave = (n) => {
          gic.cpuInterface(n).used = 0;
        };
      },
    ],
  ])('the check sees %s', (_what, sabotage) => {
    const { failed } = fc.check(property(sabotage), { numRuns: 500, seed: 1, endOnFailure: true });
    expect(failed).toBe(true);
  });
});
