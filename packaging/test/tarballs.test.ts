import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { manifestOf, PACKAGES, PROJECT, runTool } from '../packed.js';

const folderOf = (name: string) => join(inject('installed'), 'node_modules', name);
const filesOf = (name: string) =>
  readdirSync(folderOf(name), { recursive: true, encoding: 'utf8' }).filter((file) =>
    statSync(join(folderOf(name), file)).isFile(),
  );
const tarballOf = (name: string) => {
  const start = `${name.replace('@', '').replace('/', '-')}-${manifestOf(folderOf(name)).version}.tgz`;
  return join(inject('tarballs'), start);
};

describe.each(PACKAGES)('the tarball of %s', (name) => {
  it('has a README, the licence and a manifest that says where the package is at home', () => {
    const manifest = manifestOf(folderOf(name));
    expect(readFileSync(join(folderOf(name), 'README.md'), 'utf8')).toMatch(`npm install ${name}`);
    expect(readFileSync(join(folderOf(name), 'LICENSE'), 'utf8')).toBe(readFileSync(join(PROJECT, 'LICENSE'), 'utf8'));
    for (const field of ['description', 'keywords', 'homepage', 'bugs', 'repository', 'license', 'engines']) {
      expect(manifest[field], field).toBeTruthy();
    }
    expect(manifest.sideEffects).toBe(false);
  });

  it('has what was built and its sources, and nothing of the workshop', () => {
    const files = filesOf(name);
    const wanted =
      /^(package\.json|README\.md|LICENSE|THIRD-PARTY\.md|bin\/|command\/|dist\/.*\.(js|d\.ts)(\.map)?$|src\/.*\.ts$)/;
    expect(files.filter((file) => !wanted.test(file) || /test|tsconfig|buildinfo/.test(file))).toEqual([]);
    expect(files).toContain('dist/index.js');
  });

  it('has the file of every export, by the conditions that all packages use', () => {
    for (const [subpath, target] of Object.entries(manifestOf(folderOf(name)).exports)) {
      if (typeof target !== 'string')
        expect(Object.keys(target), subpath).toEqual(['@vgic/source', 'types', 'default']);
      for (const file of typeof target === 'string' ? [target] : Object.values(target)) {
        expect(existsSync(join(folderOf(name), file)), `${subpath}: ${file}`).toBe(true);
      }
    }
  });

  it('has the source of everything that was built, where the maps say', () => {
    const maps = filesOf(name).filter((file) => file.endsWith('.map'));
    expect(maps.length).toBeGreaterThan(100);
    for (const file of maps) {
      const path = join(folderOf(name), file);
      const { sources, sourceRoot = '' } = JSON.parse(readFileSync(path, 'utf8'));
      for (const source of sources) expect(existsSync(join(dirname(path), sourceRoot, source)), file).toBe(true);
    }
  });

  it('pleases publint and "Are the types wrong?"', () => {
    expect(runTool(PROJECT, 'publint', [tarballOf(name), '--strict'])).toMatch(/All good!/);
    expect(runTool(PROJECT, 'attw', [tarballOf(name), '--profile', 'esm-only'])).toMatch(/node16 \(from ESM\)/);
  });
});

describe('the packages', () => {
  it('are all of one version, that of the workspace', () => {
    const rooms = readdirSync(join(PROJECT, 'packages')).map((room) => manifestOf(join(PROJECT, 'packages', room)));
    const versions = rooms.flatMap(({ version, dependencies = {} }) => [
      version,
      ...rooms.flatMap(({ name }) => dependencies[name] ?? []),
    ]);
    expect(new Set(versions).size).toBe(1);
    expect(readFileSync(join(PROJECT, 'CHANGELOG.md'), 'utf8')).toMatch(`\n## ${versions[0]}`);
  });

  it('need nothing else: vgic nothing at all, the machine pako', () => {
    expect(manifestOf(folderOf('vgic')).dependencies).toBeUndefined();
    expect(Object.keys(manifestOf(folderOf('@vgic/machine')).dependencies!)).toEqual(['pako', 'vgic']);
    const there = readdirSync(join(inject('installed'), 'node_modules')).filter((name) => !name.startsWith('.'));
    expect(there).toEqual(['@vgic', 'pako', 'vgic']);
  });

  it('pass on the licences of what is bundled', () => {
    const notice = readFileSync(join(folderOf('vgic'), 'command/THIRD-PARTY.md'), 'utf8');
    for (const name of ['commander', 'cli-progress', 'pako', 'assemblyscript']) expect(notice).toMatch(`\n## ${name} `);
    expect(readFileSync(join(folderOf('@vgic/machine'), 'THIRD-PARTY.md'), 'utf8')).toMatch('\n## assemblyscript ');
  });
});
