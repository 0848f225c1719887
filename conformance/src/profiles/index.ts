/** What a run is made of. Which profile a sequence has depends on their order. */
import { GENERAL_PROFILES } from './general.js';
import { GICV4_PROFILES } from './gicv4.js';
import { ITS_PROFILES } from './its.js';
import type { Profile } from './profile.js';

export const PROFILES: readonly Profile[] = [...GENERAL_PROFILES, ...ITS_PROFILES, ...GICV4_PROFILES];
