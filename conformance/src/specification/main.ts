import { LIST_REGISTERS, SPECIFICATION } from './comparison.js';
import { compare } from './run.js';

const [which = '1', operations = '100000', seed = '1', most = '10'] = process.argv.slice(2);
const began = Date.now();
const result = await compare({
  oracle: which === '1' ? SPECIFICATION : LIST_REGISTERS,
  operations: Number(operations),
  seed: Number(seed),
  mostFindings: Number(most),
  shrinking: 5000,
  onFinding: ({ sequence, length, shrunk }) => {
    console.log(`\nsequence ${sequence}: ${length} -> ${shrunk.operations.length}`);
    for (const operation of shrunk.operations) console.log('  ' + JSON.stringify(operation));
    console.log('  ' + shrunk.difference.left + '\n  ' + shrunk.difference.right);
  },
});
console.log({ ...result, findings: result.findings.length }, (result.operations / (Date.now() - began)) | 0, 'ops/ms');
