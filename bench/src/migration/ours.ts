import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Migrated, printed } from './qemu.js';

const VGIC = fileURLToPath(new URL('../../../packages/cli/bin/vgic.js', import.meta.url));

/** Migrates the program from one process of ours to another over a unix socket. */
export async function migrateInOurs(image: string, directory: string, name: string): Promise<Migrated> {
  const path = (what: string) => `${directory}/${name}.${what}`;
  const start = (...args: string[]) => spawn(process.execPath, [VGIC, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  const destination = start('run', '--incoming', `unix:${path('incoming')}`);
  const source = start('run', '--kernel', image, '--control', path('here'));
  try {
    await Promise.all([printed(source), once(destination.stderr, 'data')]);
    const migrate = start('migrate', path('here'), `unix:${path('incoming')}`, '--json');
    let events = '';
    migrate.stdout.on('data', (data) => {
      events += data;
    });
    const [status] = await once(migrate, 'close');
    if (status !== 0) throw new Error(`our migration failed: ${events}`);
    const { downtime, milliseconds, handover } = JSON.parse(events.trim().split('\n').at(-1)!);
    return { downtime, total: milliseconds, handover };
  } finally {
    for (const child of [source, destination]) child.kill('SIGKILL');
  }
}
