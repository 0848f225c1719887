/** The benchmark of the core by itself: node bench/dist/core/main.js [--json] [--runs N] [--scale X] */
import { parseArgs } from 'node:util';
import { benchCore } from './index.js';

const { values } = parseArgs({
  options: { json: { type: 'boolean' }, runs: { type: 'string' }, scale: { type: 'string' } },
});
const [runs, scale] = [Number(values.runs ?? 5), Number(values.scale ?? 1)];
if (!Number.isInteger(runs) || runs < 1 || !(scale > 0)) {
  console.error('--runs takes a whole number from 1, --scale a number above 0');
  process.exit(2);
}
const result = await benchCore({ runs, scale });
if (values.json) {
  const { table: _table, ...figures } = result;
  console.log(JSON.stringify(figures, null, 2));
} else console.log(result.table);
