// npm start: boots the guest `interrupts`, saves the machine in the middle, and goes on in another process.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { PROJECT, prepare } from './prepare.mjs';

const args = process.argv.slice(2);
if (args.includes('--json')) console.log = console.error;
prepare();
const { status } = spawnSync(process.execPath, [join(PROJECT, 'packages', 'cli', 'bin', 'vgic.js'), 'demo', ...args], {
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
