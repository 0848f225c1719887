/** The guest's console on this process's stdin and stdout: a terminal, a file, or pipes. */

const CTRL_A = 0x01;
const LETTER_A = 0x61;
const LETTER_H = 0x68;
const LETTER_X = 0x78;
const HELP = [
  '',
  'Ctrl-A H  this help',
  'Ctrl-A X  quit: the guest is gone',
  'Ctrl-A A  type Ctrl-A',
  'All other keys go to the guest.',
  '',
].join('\n');
/** Input that the guest has not read, from which on no more is taken from the pipe. */
const ENOUGH_INPUT = 1 << 16;

/** What the terminal needs of whoever runs the guest. */
export interface TerminalUser {
  /** Bytes for the guest. */
  input(bytes: Uint8Array): void;
  /** Bytes given to `input` that the guest has not read. */
  unread(): number;
  /** Something else has happened that a guest which waits is to hear of. */
  wake(): void;
}

/** Bytes gone to stdout as the guest sent them, bytes come from stdin as typed. */
export class Terminal {
  /** A person sits there: keys go to the guest one by one, and time goes as the clock does. */
  readonly interactive = process.stdin.isTTY === true;
  /** stdin has ended: no more input will ever come. */
  inputEnded = false;
  /** Ctrl-A X was typed. */
  quit = false;
  /** stdout takes no more; EPIPE when nobody reads it any longer. */
  outputError: NodeJS.ErrnoException | undefined;

  readonly #user: TerminalUser;
  #output: Uint8Array[] = [];
  #escape = false;
  #paused = false;

  constructor(user: TerminalUser) {
    this.#user = user;
  }

  /** Begins to listen. In a terminal every key goes to the guest, Ctrl-C too; Ctrl-A X quits. */
  open(): void {
    process.stdout.on('error', this.#onOutputError);
    process.stdin.on('data', this.#onData);
    process.stdin.on('end', this.#onEnd);
    process.stdin.on('error', this.#onEnd);
    if (this.interactive) {
      process.stdin.setRawMode(true);
      // Node's own handlers would leave the terminal raw.
      for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, this.#onSignal);
      process.on('SIGTSTP', this.#onSuspend);
      process.on('SIGCONT', this.#onContinue);
      process.stderr.write('Ctrl-A X quits, Ctrl-A A types Ctrl-A, Ctrl-A H helps.\n');
    }
  }

  /** Gives the terminal back as it was. */
  close(): void {
    if (this.interactive) process.stdin.setRawMode(false);
    process.stdin.off('data', this.#onData);
    process.stdin.off('end', this.#onEnd);
    process.stdin.pause();
    process.stdin.unref?.();
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.off(signal, this.#onSignal);
    process.off('SIGTSTP', this.#onSuspend);
    process.off('SIGCONT', this.#onContinue);
  }

  /** Bytes of the guest's. They go out with the next `flush`. */
  send(bytes: Uint8Array): void {
    this.#output.push(bytes);
  }

  /** Writes what the guest has sent; comes back when the reader has room for more. */
  async flush(): Promise<void> {
    // Devices on the bus write by themselves; what they have written also goes out first.
    if ((this.#output.length === 0 && !process.stdout.writableNeedDrain) || this.outputError) return;
    const bytes = Buffer.concat(this.#output.splice(0));
    await new Promise<void>((resolve) => {
      process.stdout.write(bytes, (error) => {
        if (error) this.outputError = error;
        resolve();
      });
    });
  }

  /** Takes more from the pipe, if it had to wait until the guest has read what came before. */
  takeInput(): void {
    if (!this.#paused || this.#user.unread() >= ENOUGH_INPUT / 2) return;
    this.#paused = false;
    process.stdin.resume();
  }

  #onData = (data: Buffer): void => {
    const bytes = this.interactive ? this.#withoutEscapes(data) : data;
    if (bytes.length > 0) this.#user.input(bytes);
    if (this.#user.unread() > ENOUGH_INPUT) {
      this.#paused = true;
      process.stdin.pause();
    }
    this.#user.wake();
  };

  #onEnd = (): void => {
    this.inputEnded = true;
    this.#user.wake();
  };

  #onOutputError = (error: NodeJS.ErrnoException): void => {
    this.outputError = error;
    this.#user.wake();
  };

  #onSignal = (signal: NodeJS.Signals): void => {
    process.stdin.setRawMode(false);
    process.kill(process.pid, signal);
  };

  #onSuspend = (): void => {
    process.stdin.setRawMode(false);
    process.kill(process.pid, 'SIGSTOP');
  };

  /** The shell had the terminal. Node believes it to be raw still, and changes nothing unless told the opposite first. */
  #onContinue = (): void => {
    process.stdin.setRawMode(false);
    process.stdin.setRawMode(true);
  };

  #withoutEscapes(data: Uint8Array): Uint8Array {
    const typed: number[] = [];
    for (const byte of data) {
      if (!this.#escape) {
        if (byte === CTRL_A) this.#escape = true;
        else typed.push(byte);
        continue;
      }
      this.#escape = false;
      if ((byte | 0x20) === LETTER_X) this.quit = true;
      else if ((byte | 0x20) === LETTER_H) process.stderr.write(HELP);
      else if ((byte | 0x20) === LETTER_A || byte === CTRL_A) typed.push(CTRL_A);
      else typed.push(CTRL_A, byte);
    }
    return Uint8Array.from(typed);
  }
}
