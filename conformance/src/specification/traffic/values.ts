import type { Random } from '../../generator/random.js';
import type { GuestGic } from '../architecture/configuration.js';

export const LPIS_USED = 12;

/** Values of accesses. INTIDs and priorities are few, so that they meet. */
export class Values {
  constructor(
    readonly random: Random,
    readonly guest: GuestGic,
  ) {}

  vcpu(): number {
    return this.random.below(this.guest.vcpus);
  }

  /** Most of the time one of a few. */
  intid(): number {
    const { random, guest } = this;
    const kind = random.below(guest.extended ? 11 : 8);
    if (kind >= 8) return kind < 10 ? 4096 + random.below(8) : 1056 + random.below(8);
    if (kind < 4) return 32 + random.below(8);
    if (kind < 5) return 32 + random.below(guest.interrupts - 32);
    return kind < 7 ? 16 + random.below(16) : random.below(16);
  }

  anyIntid(): number {
    const { random } = this;
    if (random.chance(0.6)) return this.intid();
    return random.pick([
      1019,
      1020,
      1021,
      1022,
      1023,
      1024,
      8191,
      8192 + random.below(LPIS_USED),
      random.below(0x10000),
    ]);
  }

  priority(): number {
    return this.random.chance(0.9)
      ? this.random.pick([0x00, 0x20, 0x40, 0x80, 0xa0, 0xa8, 0xc0, 0xf0])
      : this.random.below(256);
  }
  priorities(): number {
    return (this.priority() | (this.priority() << 8) | (this.priority() << 16) | (this.priority() << 24)) >>> 0;
  }

  /** The number of a register with a bit for each interrupt: of those that are in use, or any. */
  word(): number {
    const { random, guest } = this;
    if (guest.extended && random.chance(0.3)) return random.chance(0.7) ? 128 : 33;
    return random.chance(0.35) ? 0 : random.chance(0.85) ? 1 : random.below(guest.interrupts / 32);
  }

  bits(): number {
    const { random } = this;
    const kind = random.below(24);
    if (kind < 12) return 1 << random.below(8);
    if (kind < 18) return 1 << random.below(32);
    if (kind < 22) return random.word() & random.word();
    return kind < 23 ? random.word() : 0xffffffff;
  }

  lpiConfiguration(): number {
    const { random } = this;
    // bits 2 and up are the priority's, of which not all CPU interfaces have the lowest ones
    const priority = random.chance(0.5) ? random.pick([0x20, 0x24]) : this.priority();
    return random.chance(0.05) ? 0 : priority | (random.chance(0.85) ? 1 : 0);
  }
}
