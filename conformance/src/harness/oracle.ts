/** KVM's VGIC as a program: where it is, and how it is built. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));
const BUILD = fileURLToPath(new URL('../../kvm/build.sh', import.meta.url));

/** What makes the oracle available where it is not. */
export const ENABLING_COMMAND = 'apt-get install gcc linux-source-6.12';

/** Why the oracle cannot be built here; undefined if it can. */
export function oracleMissing(): string | undefined {
  const source = process.env.ORACLE_TARBALL ?? sourcePackage();
  if (!source || !existsSync(source)) return `no kernel source (${ENABLING_COMMAND})`;
  if (spawnSync('gcc', ['--version']).error) return `no gcc (${ENABLING_COMMAND})`;
  return undefined;
}

function sourcePackage(): string | undefined {
  if (!existsSync('/usr/src')) return undefined;
  const name = readdirSync('/usr/src').find((entry) => /^linux-source-6\.12.*\.tar\.xz$/.test(entry));
  return name && `/usr/src/${name}`;
}

/** Builds the oracle if its sources have changed; the command that starts it. */
export function buildOracle(): string[] {
  const built = spawnSync(BUILD, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const path = built.stdout?.trim().split('\n').pop();
  if (built.status !== 0 || !path)
    throw new Error(`the oracle cannot be built: ${built.stderr?.trim() || built.error?.message}`);
  return [path];
}
