/** The arguments with which listeners of each event are called, by the event's name. */
type Events = Record<string, unknown[]>;

/** Any number of listeners to each of several events. */
export class Listeners<All extends Events> {
  readonly #listeners: { [Name in keyof All]?: Set<{ call: (...args: All[Name]) => unknown }> } = {};

  /** Returns how to stop listening. Who listens twice is told twice. */
  on<Name extends keyof All>(name: Name, listener: (...args: All[Name]) => unknown): () => void {
    const all: Set<{ call: (...args: All[Name]) => unknown }> = this.#listeners[name] ?? new Set();
    this.#listeners[name] = all;
    const entry = { call: listener };
    all.add(entry);
    return () => void all.delete(entry);
  }

  /**
   * Tells all of them, in the order in which they came, also when one throws. Each error, also of a promise, goes to
   * `failed`; the promises that come back are fulfilled when the listeners' own are settled.
   */
  tell<Name extends keyof All>(name: Name, failed: (error: unknown) => void, ...args: All[Name]): Promise<unknown>[] {
    const promises: Promise<unknown>[] = [];
    for (const { call } of this.#listeners[name] ?? []) {
      try {
        const answer: unknown = call(...args);
        if (answer instanceof Promise) promises.push(answer.catch(failed));
      } catch (error) {
        failed(error);
      }
    }
    return promises;
  }
}
