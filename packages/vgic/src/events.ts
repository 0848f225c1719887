import { refuse } from './arguments.js';

/** What an event means, and each of its 0 to 4 or 7 arguments: data, from which traces and documentation can be made. */
export interface EventDescription<Arguments extends readonly unknown[] = readonly unknown[]> {
  readonly meaning: string;
  /** Name and meaning of each argument, in their order. */
  readonly arguments: { readonly [N in keyof Arguments]: readonly [name: string, meaning: string] };
}

type Listener<Arguments extends readonly unknown[]> = (...values: Arguments) => void;

/** A vocabulary's descriptions; an event or an argument that is missing does not compile. */
export type EventTable<Events extends object> = {
  readonly [Name in keyof Events]: Events[Name] extends Listener<infer Arguments> ? EventDescription<Arguments> : never;
};

export interface Listening<Events extends object> {
  /**
   * Has `listener` told of each event of this name, after those that listen already.
   * @returns ends that.
   * @throws GicError EINVAL where there is no such event.
   */
  on<Name extends keyof Events & string>(name: Name, listener: Events[Name]): () => void;
  /** Has it told of every event: its name, then its arguments. */
  onAny(listener: (name: keyof Events & string, ...values: readonly unknown[]) => void): () => void;
}

/**
 * For each event who is to be told, or undefined while nobody listens: `events.kick?.(vcpu)` tells, and costs one look at a
 * field if nobody does; its arguments are not even made then.
 */
export type EventsOf<Events extends object> = {
  readonly [Name in keyof Events]: Events[Name] | undefined;
} & Listening<Events> & {
    /** Whether anybody listens to anything: one look where several things happen at once. */
    readonly looking: boolean;
  };

type AnyListener = (...values: unknown[]) => void;

/** An error of a listener's is nobody's of the model: it surfaces as an unhandled rejection, as in a page an event's does. */
function surface(error: unknown): void {
  void Promise.reject(error);
}

/** Tells all listeners, each with `count` arguments and without an array of them, so that telling allocates nothing. */
function teller(listeners: readonly AnyListener[], count: number): AnyListener | undefined {
  if (listeners.length === 0) return undefined;
  return (a, b, c, d, e, f, g) => {
    for (let n = 0; n < listeners.length; n++) {
      const listener = listeners[n];
      try {
        if (count === 0) listener();
        else if (count === 1) listener(a);
        else if (count === 2) listener(a, b);
        else if (count === 3) listener(a, b, c);
        else if (count === 4) listener(a, b, c, d);
        else listener(a, b, c, d, e, f, g);
      } catch (error) {
        surface(error);
      }
    }
  };
}

/** How many arguments each event of a vocabulary has. What they mean is told apart, for those who want to know it. */
export type ArgumentCounts<Events extends object> = {
  readonly [Name in keyof Events]: Events[Name] extends Listener<infer Arguments> ? Arguments['length'] : never;
};

/** A class of the events of a vocabulary, each a property, in the order given. */
export function eventsOf<Events extends object>(counts: ArgumentCounts<Events>): new () => EventsOf<Events> {
  const names = Object.keys(counts);

  class Told {
    /** Each in an object of its own: a listener may be there twice. */
    readonly #listeners = new Map<string, readonly { readonly listener: AnyListener }[]>();

    constructor() {
      for (const name of names) this.#set(name, []);
    }

    looking = false;

    #set(name: string, entries: readonly { readonly listener: AnyListener }[]): void {
      this.#listeners.set(name, entries);
      const count = (counts as Readonly<Record<string, number>>)[name];
      const tell = teller(
        entries.map(({ listener }) => listener),
        count,
      );
      (this as unknown as Record<string, AnyListener | undefined>)[name] = tell;
      this.looking = [...this.#listeners.values()].some(({ length }) => length > 0);
    }

    on(name: string, listener: AnyListener): () => void {
      const present = this.#listeners.get(name);
      if (present === undefined) refuse('event', `one of ${names.join(', ')}`, name);
      if (typeof listener !== 'function') refuse('listener', 'a function', listener);
      const entry = { listener };
      this.#set(name, [...present, entry]);
      return () => this.#set(name, this.#listeners.get(name)?.filter((each) => each !== entry) ?? []);
    }

    onAny(listener: (name: string, ...values: readonly unknown[]) => void): () => void {
      const ends = names.map((name) => this.on(name, (...values) => listener(name, ...values)));
      return () => {
        for (const end of ends) end();
      };
    }
  }
  return Told as unknown as new () => EventsOf<Events>;
}
