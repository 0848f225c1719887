/** The benchmarks, each beside its peer: node [--expose-gc] bench/dist/main.js [--only vgic|its|core|linux|migration] [--json] */
import { parseArgs } from 'node:util';
import { benchCore } from './core/index.js';
import { benchIts } from './its/index.js';
import { benchLinux } from './linux/index.js';
import { benchMigration } from './migration/index.js';
import { benchVgic } from './vgic/index.js';

const benchmarks = {
  vgic: () => benchVgic(),
  its: () => benchIts(),
  core: () => benchCore(),
  migration: () => benchMigration(),
  linux: () => benchLinux(),
};

type Name = keyof typeof benchmarks;

function usage(message: string): never {
  console.error(
    `${message}\nusage: node [--expose-gc] bench/dist/main.js [--only vgic|its|core|linux|migration] [--json]`,
  );
  process.exit(2);
}

function options(): { only: string | undefined; json: boolean } {
  try {
    const { values } = parseArgs({ options: { only: { type: 'string' }, json: { type: 'boolean' } } });
    return { only: values.only, json: values.json ?? false };
  } catch (error) {
    return usage((error as Error).message);
  }
}

const { only, json } = options();
if (only !== undefined && !Object.hasOwn(benchmarks, only)) usage(`there is no benchmark ${only}`);
const names = only === undefined ? (Object.keys(benchmarks) as Name[]) : [only as Name];
const results: Record<string, unknown> = {};
for (const name of names) {
  const { table, ...figures } = await benchmarks[name]();
  results[name] = figures;
  if (!json) console.log(`${name}\n\n${table}\n`);
}
if (json) console.log(JSON.stringify(results, null, 2));
