import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Machine, SnapshotError } from '../../src/index.js';
import { readSnapshot, writeSnapshot } from '../../src/node/index.js';
import { testProgram } from '../programs/index.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'snapshot-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function machine(): Machine {
  const board = new Machine({ vcpus: 2, memory: 16 << 20, gic: 3 });
  board.load({ kernel: testProgram('timer') });
  board.run(1_500_000);
  return board;
}

describe('a snapshot on disk', () => {
  it('holds the machine, and replaces an older one whole', () => {
    const path = join(directory, 'a');
    writeFileSync(path, 'old');
    const board = machine();
    writeSnapshot(path, board);
    expect(readdirSync(directory)).toEqual(['a']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readSnapshot(path).save()).toEqual(board.save());
    expect(statSync(path).size).toBeLessThan(64 << 10);
  });

  it('that cannot be put in its place leaves what was there, and nothing else', () => {
    const path = join(directory, 'a');
    mkdirSync(path);
    writeFileSync(join(path, 'kept'), 'kept');
    expect(() => writeSnapshot(path, machine())).toThrow(SnapshotError);
    expect(readdirSync(directory)).toEqual(['a']);
    expect(readFileSync(join(path, 'kept'), 'utf8')).toBe('kept');
    expect(() => writeSnapshot(join(directory, 'none', 'a'), machine())).toThrow(/no such file or directory/);
    expect(existsSync(join(directory, 'none'))).toBe(false);
  });

  it('is refused with its sentence when it is none', () => {
    const path = join(directory, 'a');
    expect(() => readSnapshot(path)).toThrow(/cannot be read: there is no such file/);
    expect(() => readSnapshot(directory)).toThrow(/is not a file/);
    expect(() => readSnapshot('/dev/zero')).toThrow(/is not a file/);
    writeFileSync(path, '');
    expect(() => readSnapshot(path)).toThrow(SnapshotError);
  });
});
