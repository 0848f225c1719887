/** The benchmark of the core by itself: node bench/dist/core/main.js [--json] [--runs N] [--scale X] */
import { parseArgs } from 'node:util';
import { benchCore } from './index.js';

const { values } = parseArgs({
  options: { json: { type: 'boolean' }, runs: { type: 'string' }, scale: { type: 'string' } },
});
const result = await benchCore({ runs: Number(values.runs ?? 5), scale: Number(values.scale ?? 1) });
if (values.json) {
  const { table: _table, ...figures } = result;
  console.log(JSON.stringify(figures, null, 2));
} else console.log(result.table);
