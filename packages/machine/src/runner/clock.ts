/** The time outside of the guest, and the way to give other events their turn. A test has one of its own. */
export interface Clock {
  /** Milliseconds since some moment. Never goes back. */
  now(): number;
  /**
   * Calls `action` once, not before `milliseconds` have passed and the events that wait already have had their turn; with
   * 0 that is as soon as can be, with Infinity perhaps never. Returns how to call it off.
   */
  after(milliseconds: number, action: () => void): () => void;
}

/** The longest that setTimeout can wait for. */
const LONGEST = 2 ** 31 - 1;

/** The clock of the page, the worker or the Node process. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(milliseconds, action) {
    if (milliseconds > 0) {
      const timer = setTimeout(action, Math.min(Math.ceil(milliseconds), LONGEST));
      return () => clearTimeout(timer);
    }
    let wanted = true;
    soon(() => {
      if (wanted) action();
    });
    return () => {
      wanted = false;
    };
  },
};

/** Calls back after the events that wait. A page makes setTimeout wait for 4 ms when it is asked again and again; a message does not. */
function soon(action: () => void): void {
  // Node has it, and nobody else.
  const { setImmediate } = globalThis as { setImmediate?: (action: () => void) => unknown };
  if (setImmediate) setImmediate(action);
  else {
    const { port1, port2 } = new MessageChannel();
    // where the tests compile this with Node's declarations, a port has no such member
    (port1 as { onmessage?: (() => void) | null }).onmessage = () => {
      port1.close();
      action();
    };
    port2.postMessage(undefined);
  }
}
