/** Profiles of machines whose LPIs and SGIs the host's GICv4 delivers. */
import type { ConfigurationDomain } from '../generator/configuration.js';
import { ORDINARY } from './general.js';
import { WITH_ITS } from './its.js';
import type { Profile } from './profile.js';

const GICV4: ConfigurationDomain = {
  ...WITH_ITS,
  listRegisters: ORDINARY.listRegisters,
  gicv4: [
    [5, { version: 41, vsgis: true }],
    [1, { version: 41, vsgis: false }],
    [4, { version: 40, vsgis: false }],
  ],
};

/** A guest with forwarded LPIs, and what its scheduler and its VMM do with it. */
const DIRECT_INJECTION: Profile['kinds'] = [
  [5, 'forward'],
  [3, 'unforward'],
  [12, 'deviceMsi'],
  [5, 'takeAll'],
  [12, 'directCommand'],
  [2, 'softwareMsi'],
  [4, 'lookAtHost'],
  [3, 'blockVcpu'],
  [2, 'moveVcpu'],
  [0.7, 'switchOffAndOn'],
  [0.7, 'switchDistributor'],
  [0.7, 'switchVsgis'],
  [3, 'directSgi'],
  [0.5, 'saveForwarded'],
  [0.3, 'resetIts'],
  [2, 'enter'],
  [2, 'exit'],
  [1, 'loadPut'],
  [1, 'line'],
  [1, 'deliver'],
  [1, 'hardware'],
];

export const GICV4_PROFILES: readonly Profile[] = [
  {
    name: 'gicv4',
    about:
      "LPIs forwarded to the host's GICv4.0 or 4.1, vSGIs, and all that a guest, a scheduler and a VMM do meanwhile",
    weight: 7,
    configuration: GICV4,
    boot: 1,
    length: [30, 200],
    kinds: DIRECT_INJECTION,
  },
  {
    name: 'gicv4-migration',
    about:
      'the same, saved with what is pending on the host, and restored in another machine that is forwarded to again',
    weight: 3,
    configuration: { ...GICV4, gicv4: [[1, { version: 41, vsgis: true }]] },
    boot: 1,
    length: [20, 80],
    kinds: [...DIRECT_INJECTION, [2, 'migrate']],
  },
];
