import { ERRNO, type KvmCompatibility } from 'vgic';
import { didYouMean } from '../suggestion.js';
import { type Answer, OPERATIONS } from './operations.js';
import { BadField, Request } from './request.js';
import { SLOTS, Slots } from './slots.js';

/** So much is told of a name that there is not. */
const LONGEST_NAME = 40;

const EBADMSG = 74;
const ENOSYS = 38;

function asObject(answer: Answer): Record<string, unknown> {
  if (typeof answer !== 'number') return answer;
  return answer < 0 ? { err: answer } : { ret: answer };
}

function unknown(operation: string): string {
  const names = Object.keys(OPERATIONS);
  const told = operation === '' ? 'no "op" in the line' : `no op ${JSON.stringify(operation.slice(0, LONGEST_NAME))}`;
  return `There is ${told}.${didYouMean(operation, names)} Possible are ${names.join(', ')}.`;
}

/** Carries out a script on virtual GICs, line by line. No line can end it. */
export class Interpreter {
  readonly #slots: Slots;
  #line = 0;
  /** Lines that were answered with an error, */
  failed = 0;
  /** and the number of the first of them. */
  firstFailed = 0;

  /** @param kvm the KVM that machines have whose `create` names none. Default: none. */
  constructor(kvm?: KvmCompatibility) {
    this.#slots = new Slots(kvm);
  }

  /** The answer to the next line, or undefined for a blank one and a comment. */
  execute(line: string): string | undefined {
    this.#line++;
    const text = line.trimStart();
    if (text === '' || text.startsWith('#')) return undefined;
    const request = Request.parse(text);
    const answer = request ? this.#answer(request) : { err: -EBADMSG, msg: 'not a flat JSON object' };
    if (answer.err !== undefined) {
      this.failed++;
      this.firstFailed ||= this.#line;
    }
    const id = request?.id;
    return JSON.stringify(id === undefined ? answer : { id, ...answer });
  }

  #answer(request: Request): Record<string, unknown> {
    try {
      const slot = request.u64('vm', 0n);
      if (slot >= BigInt(SLOTS)) return { err: -ERRNO.EINVAL };
      const operation = request.text('op', '');
      if (!Object.hasOwn(OPERATIONS, operation)) return { err: -ENOSYS, msg: unknown(operation) };
      const vcpu = request.int('vcpu', 0);
      const value = request.u64('value', 0n);
      return asObject(OPERATIONS[operation]({ request, slots: this.#slots, slot: Number(slot), vcpu, value }));
    } catch (error) {
      if (error instanceof BadField) return { err: -ERRNO.EINVAL, msg: 'bad or missing argument' };
      throw error;
    }
  }
}
