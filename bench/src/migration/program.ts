import { a64, Condition, Program } from '../core/program.js';

const BASE = 0x4008_0000;
const UART = 0x0900_0000;
/** Memory that the program makes dirty, above its image. */
const DATA = 0x4200_0000;
const PAGE = 4096;
/** Said when every page has been written once. */
export const MARK = '.';

/** Writes a doubleword of each page, page after page, with so many turns of an idle loop after each, for ever. */
export function dirtying(pages: number, idle: number): Uint8Array {
  const p = new Program(BASE);
  p.constant(20, DATA);
  p.constant(25, UART);
  p.constant(3, MARK.charCodeAt(0));
  p.constant(4, PAGE);
  p.constant(6, 0);
  p.label('pass');
  p.constant(0, pages);
  p.emit(a64.addImmediate(5, 20, 0), a64.addImmediate(6, 6, 1));
  p.label('page');
  p.emit(a64.str(6, 5, 0), a64.add(5, 5, 4));
  p.constant(1, idle);
  p.label('idle');
  p.emit(a64.subsImmediate(1, 1, 1));
  p.bIf(Condition.NE, 'idle');
  p.emit(a64.subsImmediate(0, 0, 1));
  p.bIf(Condition.NE, 'page');
  // The mark is for the first pass alone.
  p.emit(a64.strW(3, 25, 0));
  p.constant(25, DATA - PAGE);
  p.b('pass');
  return p.finish();
}
