import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const BUILD = fileURLToPath(new URL('../../../conformance/kvm/build.sh', import.meta.url));

/** Why KVM's side is missing, and what is to be done. */
export const KVM_MISSING =
  'KVM is missing, so there is nothing beside our figures: apt-get install gcc linux-source-6.12';

/** KVM's VGIC as a process (conformance/kvm/), which measures itself: in process, without JSON in the loop. */
export class KvmVgic {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(path: string) {
    this.#process = spawn(path, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#answers = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
  }

  /** Builds it if need be and starts it; undefined where it cannot be built. */
  static start(): KvmVgic | undefined {
    const { status, stdout } = spawnSync(BUILD, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const path = stdout?.trim().split('\n').pop();
    return status === 0 && path ? new KvmVgic(path) : undefined;
  }

  /** One run of `bench`; its figures by name. Throws when it does not answer with figures. */
  async bench(request: Readonly<Record<string, number | string>>): Promise<Readonly<Record<string, number>>> {
    this.#process.stdin!.write(`${JSON.stringify({ op: 'bench', ...request })}\n`);
    const { value, done } = await this.#answers.next();
    const answer = done ? undefined : JSON.parse(value);
    if (answer?.err !== undefined || !answer) throw new Error(`KVM's benchmark ${request.kind} failed: ${value}`);
    return answer;
  }

  stop(): void {
    this.#process.stdin!.end();
  }
}
