import { ERRNO } from 'vgic';
import { type Answer, OPERATIONS } from './operations.js';
import { BadField, Request } from './request.js';
import { SLOTS, Slots } from './slots.js';

const EBADMSG = 74;
const ENOSYS = 38;

function asObject(answer: Answer): Record<string, unknown> {
  if (typeof answer !== 'number') return answer;
  return answer < 0 ? { err: answer } : { ret: answer };
}

/** Carries out a script on virtual GICs, line by line. No line can end it. */
export class Interpreter {
  readonly #slots = new Slots();

  /** The answer to a line, or undefined for a blank one and a comment. */
  execute(line: string): string | undefined {
    const text = line.trimStart();
    if (text === '' || text.startsWith('#')) return undefined;
    const request = Request.parse(text);
    if (request === undefined) return `{"err":${-EBADMSG},"msg":"not a flat JSON object"}`;
    const answer = this.#answer(request);
    const { id } = request;
    return JSON.stringify(id === undefined ? answer : { id, ...answer });
  }

  #answer(request: Request): Record<string, unknown> {
    try {
      const slot = request.u64('vm', 0n);
      if (slot >= BigInt(SLOTS)) return { err: -ERRNO.EINVAL };
      const operation = request.text('op', '');
      if (!Object.hasOwn(OPERATIONS, operation)) return { err: -ENOSYS, msg: 'unknown op' };
      const vcpu = request.int('vcpu', 0);
      const value = request.u64('value', 0n);
      return asObject(OPERATIONS[operation]({ request, slots: this.#slots, slot: Number(slot), vcpu, value }));
    } catch (error) {
      if (error instanceof BadField) return { err: -ERRNO.EINVAL, msg: 'bad or missing argument' };
      throw error;
    }
  }
}
