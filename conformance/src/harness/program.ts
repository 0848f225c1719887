/** A program that speaks the protocol, as a child process: lines in, as many lines out. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

/** The program ended, or did not answer in time. */
export class ProgramFailure extends Error {
  /** Answers that still came for the lines of this exchange. */
  readonly answers: readonly string[];

  constructor(message: string, answers: readonly string[]) {
    super(message);
    this.name = 'ProgramFailure';
    this.answers = answers;
  }
}

interface Exchange {
  readonly expected: number;
  readonly resolve: (answers: string[]) => void;
  readonly reject: (failure: ProgramFailure) => void;
  readonly timer: NodeJS.Timeout;
}

export class Program {
  readonly command: readonly string[];
  readonly #patience: number;
  #child: ChildProcessWithoutNullStreams | undefined;
  #rest = '';
  #answers: string[] = [];
  #exchange: Exchange | undefined;
  #complaints = '';

  /** `patience`: milliseconds that the answers to one exchange may take. */
  constructor(command: readonly string[], patience = 60_000) {
    this.command = command;
    this.#patience = patience;
  }

  /**
   * Sends lines, all at once, and waits for their answers. A program that has ended is started anew.
   * @throws {ProgramFailure} if the program ends before it has answered, or is silent for too long.
   */
  exchange(lines: readonly string[]): Promise<string[]> {
    if (lines.length === 0) return Promise.resolve([]);
    const child = this.#child ?? this.#start();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#fail(`no answer within ${this.#patience / 1000} s`);
        child.kill('SIGKILL');
      }, this.#patience);
      this.#answers = [];
      this.#exchange = { expected: lines.length, resolve, reject, timer };
      child.stdin.write(`${lines.join('\n')}\n`);
    });
  }

  /** Ends the program. */
  stop(): void {
    const child = this.#child;
    this.#child = undefined;
    child?.stdin.end();
  }

  #start(): ChildProcessWithoutNullStreams {
    const [file, ...rest] = this.command;
    const child = spawn(file!, rest, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    this.#rest = '';
    this.#complaints = '';
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (text: string) => this.#receive(text));
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-2000);
    });
    child.stdin.on('error', () => {}); // the exit that follows tells more
    child.on('error', (error) => this.#ended(child, error.message));
    child.on('close', (code, signal) => this.#ended(child, `ended with ${signal ?? `status ${code}`}`));
    return child;
  }

  #receive(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) this.#answers.push(line);
    const exchange = this.#exchange;
    if (exchange && this.#answers.length >= exchange.expected) {
      clearTimeout(exchange.timer);
      this.#exchange = undefined;
      const answers = this.#answers;
      this.#answers = [];
      exchange.resolve(answers);
    }
  }

  #ended(child: ChildProcessWithoutNullStreams, how: string): void {
    if (this.#child !== child) return;
    this.#fail(`${how}${this.#complaints ? `\n${this.#complaints.trimEnd()}` : ''}`);
  }

  #fail(message: string): void {
    this.#child = undefined;
    const exchange = this.#exchange;
    if (!exchange) return;
    clearTimeout(exchange.timer);
    this.#exchange = undefined;
    exchange.reject(new ProgramFailure(`${this.command.join(' ')}: ${message}`, this.#answers));
  }
}
