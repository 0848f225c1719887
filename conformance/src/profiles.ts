/**
 * What a run is made of: each profile is a kind of machine and a mixture of operations. A profile for ITS and LPIs, and
 * one for GICv4, take their place here, with kinds of operations of their own.
 */
import type { ConfigurationDomain } from './configuration.js';
import type { Kind } from './kinds.js';

export interface Profile {
  readonly name: string;
  /** What it looks for, in one sentence. */
  readonly about: string;
  /** Its share of the sequences. */
  readonly weight: number;
  readonly configuration: ConfigurationDomain;
  /** How often a guest has set up its GIC before the random part begins. */
  readonly boot: number;
  /** Operations (macros count once) in a sequence. */
  readonly length: readonly [least: number, most: number];
  readonly kinds: readonly (readonly [weight: number, kind: Kind])[];
}

const ORDINARY: ConfigurationDomain = {
  versions: [
    [5, [3, 3]],
    [2, [2, 2]],
    [2, [2, 3]],
  ],
  vcpus: [
    [4, 1],
    [4, 2],
    [2, 3],
    [2, 4],
    [1, 8],
    [0.15, 20],
  ],
  interrupts: [
    [4, 64],
    [3, 96],
    [3, 256],
    [1, 512],
    [1, 992],
  ],
  listRegisters: [
    [4, 1],
    [2, 2],
    [5, 4],
    [2, 16],
  ],
  hostile: 0,
  uninitialised: 0,
};

const only = (gic: 2 | 3, host: 2 | 3): ConfigurationDomain => ({ ...ORDINARY, versions: [[1, [gic, host]]] });

const DELIVERY: Profile['kinds'] = [
  [14, 'deliver'],
  [10, 'line'],
  [8, 'sgi'],
  [10, 'enter'],
  [4, 'exit'],
  [9, 'acknowledge'],
  [10, 'complete'],
  [4, 'deactivate'],
  [12, 'register'],
  [3, 'cpuInterface'],
  [3, 'hardware'],
  [4, 'pending'],
  [1, 'loadPut'],
  [0.3, 'moveCpu'],
  [0.6, 'bootAgain'],
  [0.3, 'wait'],
  [0.4, 'flood'],
];

export const PROFILES: readonly Profile[] = [
  {
    name: 'delivery-v3',
    about: 'interrupts of a GICv3 guest on their way from line to deactivation',
    weight: 5,
    configuration: only(3, 3),
    boot: 0.95,
    length: [50, 400],
    kinds: DELIVERY,
  },
  {
    name: 'delivery-v2',
    about: 'the same with a GICv2 guest on a GICv2 host',
    weight: 3,
    configuration: only(2, 2),
    boot: 0.95,
    length: [50, 400],
    kinds: DELIVERY,
  },
  {
    name: 'delivery-v2-on-v3',
    about: 'a GICv2 guest on GICv3 list registers',
    weight: 2,
    configuration: only(2, 3),
    boot: 0.95,
    length: [50, 400],
    kinds: DELIVERY,
  },
  {
    name: 'registers',
    about: 'every offset of every frame, with every width and alignment',
    weight: 2,
    configuration: ORDINARY,
    boot: 0.5,
    length: [100, 600],
    kinds: [
      [10, 'register'],
      [10, 'offset'],
      [1, 'nowhere'],
      [0.7, 'sweep'],
      [6, 'cpuInterface'],
      [3, 'line'],
      [2, 'deliver'],
      [2, 'enter'],
      [1, 'exit'],
      [1, 'hardware'],
      [2, 'acknowledge'],
      [2, 'complete'],
    ],
  },
  {
    name: 'user-space',
    about: "the device API: every group and attribute, while the guest runs or doesn't",
    weight: 3,
    configuration: { ...ORDINARY, uninitialised: 0.1 },
    boot: 0.6,
    length: [50, 400],
    kinds: [
      [30, 'attribute'],
      [8, 'levelInfo'],
      [6, 'anyAttribute'],
      [3, 'address'],
      [1, 'control'],
      [6, 'register'],
      [4, 'line'],
      [6, 'deliver'],
      [5, 'acknowledge'],
      [4, 'complete'],
      [4, 'enter'],
      [8, 'exit'],
      [3, 'running'],
      [2, 'pending'],
      [2, 'hardware'],
      [0.5, 'state'],
    ],
  },
  {
    name: 'set-up',
    about: 'a VGIC configured in every order, right and wrong',
    weight: 2,
    configuration: { ...ORDINARY, hostile: 0.3, uninitialised: 0.9 },
    boot: 0,
    length: [10, 80],
    kinds: [
      [10, 'address'],
      [2.5, 'setUp'],
      [2, 'bootAgain'],
      [5, 'deliver'],
      [5, 'control'],
      [4, 'interruptCount'],
      [4, 'anyAttribute'],
      [3, 'attribute'],
      [2, 'levelInfo'],
      [2, 'register'],
      [2, 'offset'],
      [2, 'line'],
      [2, 'enter'],
      [1, 'exit'],
      [1, 'cpuInterface'],
      [1, 'running'],
      [1, 'mapPhysical'],
      [1, 'route'],
      [0.5, 'irqfd'],
      [0.5, 'state'],
      [0.4, 'recreate'],
    ],
  },
  {
    name: 'migration',
    about: 'saved in one VM through the device API, restored in another, which goes on',
    weight: 3,
    configuration: {
      ...ORDINARY,
      interrupts: [
        [1, 64],
        [1, 96],
      ],
    },
    boot: 0.95,
    length: [30, 150],
    kinds: [...DELIVERY, [2, 'migrate'], [1, 'levelInfo'], [1, 'attribute']],
  },
  {
    name: 'host-interrupts',
    about: 'interrupts mapped to physical ones, irqfd with resampling, physical CPUs',
    weight: 2,
    configuration: ORDINARY,
    boot: 0.95,
    length: [50, 300],
    kinds: [
      ...DELIVERY,
      [8, 'mapPhysical'],
      [16, 'hostInterrupt'],
      [4, 'route'],
      [8, 'irqfd'],
      [2, 'moveCpu'],
      [1, 'state'],
    ],
  },
  {
    name: 'everything',
    about: 'all kinds at once, with lines that are no commands',
    weight: 2,
    configuration: { ...ORDINARY, uninitialised: 0.05, hostile: 0.05 },
    boot: 0.8,
    length: [50, 500],
    kinds: [
      ...DELIVERY,
      [6, 'attribute'],
      [2, 'levelInfo'],
      [1, 'anyAttribute'],
      [0.5, 'address'],
      [0.3, 'control'],
      [0.3, 'interruptCount'],
      [4, 'offset'],
      [0.3, 'nowhere'],
      [1, 'running'],
      [2, 'mapPhysical'],
      [2, 'hostInterrupt'],
      [1, 'route'],
      [2, 'irqfd'],
      [0.5, 'moveCpu'],
      [0.3, 'state'],
      [0.5, 'memory'],
      [0.3, 'migrate'],
      [0.2, 'recreate'],
      [0.3, 'malformed'],
    ],
  },
];
