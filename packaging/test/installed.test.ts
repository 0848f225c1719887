import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { manifestOf, run, runTool } from '../packed.js';

const folder = inject('installed');
const vgic = (...args: string[]) => run(folder, join('node_modules', '.bin', 'vgic'), args);

describe('the installed command', () => {
  it('tells its version and its help', () => {
    expect(run(folder, 'npx', ['--no-install', 'vgic', '--version']).trim()).toBe(
      manifestOf(join(folder, 'node_modules/vgic')).version,
    );
    expect(vgic('--help')).toMatch(/^Usage: vgic/);
  });

  it('has the guest of its demonstration, which loses no interrupt', () => {
    const report = JSON.parse(vgic('demo', '--json'));
    expect(report).toMatchObject({ passed: true, verdict: 'PASS' });
    expect(report.total.lost + report.total.spurious).toBe(0);
    expect(report.total.sent).toBeGreaterThan(10_000);
  });

  it('runs a guest', () => {
    expect(vgic('run', '--kernel', 'hello.bin')).toBe('hello, world\n');
  });
});

const OPTIONS = {
  nodenext: { module: 'nodenext' },
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
};

/** Compiles what a user would have written, with every check there is and no types but the language's and the packages'. */
function compile(kind: keyof typeof OPTIONS, files: string[]): void {
  const config = join(folder, `tsconfig.${kind}.json`);
  const compilerOptions = {
    ...OPTIONS[kind],
    target: 'es2022',
    lib: ['es2023'],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: true,
    skipLibCheck: false,
    outDir: kind,
  };
  writeFileSync(config, JSON.stringify({ compilerOptions, files }));
  runTool(folder, 'tsc', ['-p', config]);
}

describe.each(['nodenext', 'bundler'] as const)('a TypeScript consumer with %s', (kind) => {
  it('compiles, declarations of the packages checked too, and runs', () => {
    compile(kind, ['page.ts', 'exports.ts', 'node-exports.ts']);
    writeFileSync(
      join(folder, kind, 'run.mjs'),
      `import { readFileSync } from 'node:fs';
       import * as forNode from './node-exports.js';
       import { results } from './page.js';
       if (Object.values(forNode).some((names) => Object.keys(names).length === 0)) throw new Error('empty');
       process.stdout.write(results(readFileSync('hello.bin')));`,
    );
    expect(JSON.parse(run(folder, process.execPath, [join(kind, 'run.mjs')]))).toEqual({
      acknowledged: 33,
      left: false,
      console: 'hello, world\n',
      empty: [],
    });
  });

  it('is told of an error, and of a member that is not for users', () => {
    const using = (line: string) => {
      writeFileSync(join(folder, 'wrong.ts'), `import { Machine } from '@vgic/machine';\nexport const it = ${line};\n`);
      return () => compile(kind, ['wrong.ts']);
    };
    const machine = (last: string) => using(`new Machine({ vcpus: 1, memory: 2 ** 21, gic: 3 }).${last}`);
    expect(machine('time')).not.toThrow();
    expect(machine('tide')).toThrow(/error TS2339: Property 'tide'/);
    expect(machine('core')).toThrow(/error TS2339: Property 'core'/);
    expect(readFileSync(join(folder, 'node_modules/@vgic/machine/src/machine.ts'), 'utf8')).toMatch('readonly core');
  });
});
