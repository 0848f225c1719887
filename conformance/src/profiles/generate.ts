/**
 * One random sequence of operations, made while it runs: it yields a batch, is given the answers of the left program, and
 * goes on with what it has learnt from them (which interrupt was acknowledged, what was saved).
 */

import type { Batch, Sequence } from '../generator/sequence.js';
import { KINDS } from '../operations/kinds.js';
import type { Profile } from './profile.js';

export function* generate(s: Sequence, profile: Profile): Generator<Batch, void, readonly string[]> {
  const { random } = s;
  s.emit(s.vm.configuration.create, 'create');
  if (random.chance(profile.boot) && s.vm.configuration.initialised) {
    KINDS.boot(s);
    if (s.tables) KINDS.itsBoot(s);
  }
  const length = random.between(profile.length[0], profile.length[1]);
  for (let step = 0; step < length; step++) {
    if (s.vm.dead && random.chance(0.2)) KINDS.recreate(s);
    KINDS[random.weighted(profile.kinds)](s);
    if (s.due()) s.learn(yield s.take());
  }
  s.destroyAll();
  s.learn(yield s.take());
}
