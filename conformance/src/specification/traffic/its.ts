import { Choice } from '../../generator/random.js';
import { command, type Step, step } from '../steps.js';
import type { Steps } from './registers.js';
import { LPIS_USED, type Values } from './values.js';

const DEVICES = 4;
const EVENTS = 6;
const COLLECTIONS = 4;
const NOWHERE = -1;
const NO_VCPU = 100;
const MOST_REMEMBERED = 20;

/** MSIs, and commands of guests to their ITS. It remembers what the guests have mapped. */
export class ItsTraffic {
  readonly #values: Values;
  readonly #collections = new Int8Array(COLLECTIONS).fill(NOWHERE);
  /** Events that were mapped, some of which are not any more. */
  readonly #mapped: { readonly device: number; readonly at: number; readonly intid: number }[] = [];
  readonly #commands: Choice<() => Step>;

  constructor(values: Values) {
    this.#values = values;
    this.#commands = new Choice(this.#steps());
  }

  /** What a guest does first: tables have their place already. */
  start(): Step[] {
    const steps = [step('write', 0, 'GITS_CTLR', 0, 1)];
    for (let collection = 0; collection < COLLECTIONS; collection++) steps.push(this.#mapCollection(collection, 1));
    for (let device = 0; device < DEVICES; device++) steps.push({ ...command(0, 'MAPD', device), low: 1 });
    for (let n = 0; n < LPIS_USED; n++) {
      const device = n % DEVICES;
      const event = Math.floor(n / DEVICES);
      steps.push({ ...step('configure', 0, '', event, this.#values.lpiConfiguration()), device, intid: 8192 + n });
      steps.push(command(0, 'MAPTI', device, event, 8192 + n, this.#collection()));
    }
    return steps;
  }

  command(): Step {
    return this.#commands.pick(this.#values.random)();
  }

  #collection(): number {
    return this.#values.random.below(COLLECTIONS);
  }

  msi(): Step {
    const { device, at } = this.#event();
    return step('msi', 0, '', at, device);
  }

  /** Most of the time one that was mapped. */
  #event(): { readonly device: number; readonly at: number; readonly intid: number } {
    const { random } = this.#values;
    if (this.#mapped.length > 0 && random.chance(0.8)) return random.pick(this.#mapped);
    return { device: random.below(DEVICES), at: random.below(EVENTS), intid: 8192 + random.below(LPIS_USED) };
  }

  #mapCollection(collection: number, valid: number): Step {
    const target = this.#values.random.chance(0.03) ? NO_VCPU : this.#values.vcpu();
    return { ...command(this.#values.vcpu(), 'MAPC', 0, target, 0, collection), low: valid };
  }

  #steps(): Steps {
    const { random } = this.#values;
    const event = () => random.below(EVENTS);
    const device = () => random.below(DEVICES);
    // some that no LPI can have: a command with a wrong parameter does nothing
    const lpi = () => (random.chance(0.03) ? random.pick([0, 1023, 8191]) : 8192 + random.below(LPIS_USED));
    const simple = (name: string) => () => {
      const { device, at } = this.#event();
      return command(this.#values.vcpu(), name, device, at, 0, random.below(COLLECTIONS + 1));
    };
    return [
      [8, simple('MOVI')],
      [6, simple('INT')],
      [6, simple('CLEAR')],
      [3, simple('DISCARD')],
      [2, simple('INV')],
      [2, simple('INVALL')],
      [12, () => command(this.#values.vcpu(), 'MAPTI', device(), event(), lpi(), this.#collection())],
      [1, () => command(this.#values.vcpu(), 'MAPI', 3, lpi(), 0, this.#collection())],
      [0.5, () => ({ ...command(this.#values.vcpu(), 'MAPD', device()), low: 0 })],
      [2, () => ({ ...command(this.#values.vcpu(), 'MAPD', device()), low: 1 })],
      [1, () => this.#mapCollection(this.#collection(), random.chance(0.7) ? 1 : 0)],
      [2, () => this.#moveAll()],
      [
        6,
        () => ({
          ...step('configure', this.#values.vcpu(), '', 0, this.#values.lpiConfiguration()),
          ...this.#event(),
        }),
      ],
      [0.5, () => step('write', this.#values.vcpu(), 'GITS_CTLR', 0, random.chance(0.7) ? 1 : 0)],
      [3, () => step('write', this.#values.vcpu(), 'GICR_CTLR', 0, random.chance(0.7) ? 1 : 0)],
    ];
  }

  /** All collections of a vCPU, with what is pending there, to another one. */
  #moveAll(): Step {
    const from = this.#values.vcpu();
    const to = this.#values.vcpu();
    let collections = 0;
    for (const [collection, target] of this.#collections.entries()) if (target === from) collections |= 1 << collection;
    return { ...command(this.#values.vcpu(), 'MOVALL', 0, from, 0, collections), low: to };
  }

  /** A command that was carried out. */
  learn({ name, device, at, intid, collection, low }: Step): void {
    if (name === 'MAPTI') this.#mapped.push({ device, at, intid });
    if (this.#mapped.length > MOST_REMEMBERED) this.#mapped.shift();
    if (name === 'MAPC' && at !== NO_VCPU) this.#collections[collection] = low === 0 ? NOWHERE : at;
    if (name !== 'MOVALL') return;
    for (const [moved, target] of this.#collections.entries()) if (target === at) this.#collections[moved] = low;
  }
}
