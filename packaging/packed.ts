import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { testProgram } from '../packages/machine/test/programs/index.js';

export const PROJECT = fileURLToPath(new URL('..', import.meta.url));
/** The packages that are published. */
export const PACKAGES = ['vgic', '@vgic/machine'];

declare module 'vitest' {
  export interface ProvidedContext {
    /** The folder with the tarballs. */
    tarballs: string;
    /** A folder outside of the checkout where they are installed, with what a user would have written. */
    installed: string;
  }
}

export interface Manifest {
  name: string;
  version: string;
  exports: Record<string, string | Record<string, string>>;
  dependencies?: Record<string, string>;
  [field: string]: unknown;
}

export function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

/** The names by which modules of a package are imported: `vgic`, `vgic/kvm` ... */
export function specifiers(folder: string): string[] {
  const { name, exports } = manifestOf(folder);
  return Object.keys(exports)
    .filter((subpath) => !subpath.endsWith('.json'))
    .map((subpath) => name + subpath.slice(1));
}

/** Runs a program to its end; its output, when its exit status is 0. */
export function run(folder: string, command: string, args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: 120_000,
    maxBuffer: 2 ** 26,
  });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? `status ${status}`}\n${stdout}${stderr}`);
}

/** A program of the workspace's development tools. */
export function runTool(folder: string, tool: string, args: string[]): string {
  return run(folder, join(PROJECT, 'node_modules', '.bin', tool), args);
}

/** Packs once what would be published, installs it where nothing of the checkout is near, for all tests of this room. */
export default function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'vgic-packaging-'));
  const tarballs = mkdtempSync(join(tmpdir(), 'vgic-tarballs-'));
  const remove = () => {
    for (const each of [folder, tarballs]) rmSync(each, { recursive: true, force: true });
  };
  try {
    const workspaces = PACKAGES.flatMap((name) => ['-w', name]);
    run(PROJECT, 'npm', ['pack', ...workspaces, '--pack-destination', tarballs, '--loglevel=error']);
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
    const files = readdirSync(tarballs).map((name) => join(tarballs, name));
    run(folder, 'npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', ...files]);
    cpSync(join(PROJECT, 'packaging', 'consumer'), folder, { recursive: true });
    const portable = PACKAGES.flatMap((name) => specifiers(join(folder, 'node_modules', name)));
    writeExports(
      join(folder, 'exports.ts'),
      portable.filter((name) => !isForNode(name)),
    );
    writeExports(join(folder, 'node-exports.ts'), portable.filter(isForNode));
    writeFileSync(join(folder, 'hello.bin'), testProgram('hello'));
  } catch (error) {
    remove();
    throw error;
  }
  project.provide('tarballs', tarballs);
  project.provide('installed', folder);
  return remove;
}

/** Whether a module needs Node: by its name alone. */
export function isForNode(specifier: string): boolean {
  return specifier.endsWith('/node');
}

function writeExports(file: string, names: string[]): void {
  writeFileSync(file, names.map((name) => `export * as ${name.replace(/\W/g, '_')} from '${name}';\n`).join(''));
}
