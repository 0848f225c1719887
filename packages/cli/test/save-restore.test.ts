import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { limitedVgic, scratch, testProgram, vgic } from './vgic.js';

const file = scratch();
const kernel = file('kernel.bin');
const write = (name: Parameters<typeof testProgram>[0]) => writeFileSync(kernel, testProgram(name));

describe('vgic run --save and vgic restore', () => {
  it('saves when the console has printed a text; restored in a new process the guest prints the rest', () => {
    write('hello');
    const saved = vgic(['run', '--kernel', kernel, '--save', file('a'), '--on', 'hello, w']);
    expect(saved).toMatchObject({ status: 0, signal: null, stdout: 'hello, w' });
    expect(saved.stderr).toMatch(/^Saved to .*\/a: [1-9]\d* KiB, at \d+ ns of the guest's time\.\n$/);
    expect(vgic(['restore', file('a')])).toEqual({ status: 0, signal: null, stdout: 'orld\n', stderr: '' });
    // Restoring does not use it up.
    expect(vgic(['restore', file('a')]).stdout).toBe('orld\n');
  });

  it('saves at a virtual time, to the instruction: the same again gives the same file', () => {
    write('timer');
    const save = (name: string) => vgic(['run', '--kernel', kernel, '--save', file(name), '--at', '2500us']);
    expect(save('b')).toEqual({
      status: 0,
      signal: null,
      stdout: '..',
      stderr: expect.stringMatching(/^Saved to .*\/b: \d+ KiB, at 2\.5 ms of the guest's time\.\n$/),
    });
    expect(save('c').status).toBe(0);
    expect(readFileSync(file('b')).equals(readFileSync(file('c')))).toBe(true);
    expect(vgic(['restore', file('b')])).toEqual({ status: 0, signal: null, stdout: '...', stderr: '' });
  });

  it('saves a restored guest again, as if it had run in one piece', () => {
    write('timer');
    vgic(['run', '--kernel', kernel, '--save', file('d'), '--at', '1500us']);
    expect(vgic(['restore', file('d'), '--save', file('e'), '--at', '2500us'])).toMatchObject({
      status: 0,
      stdout: '.',
    });
    vgic(['run', '--kernel', kernel, '--save', file('f'), '--at', '2500us']);
    expect(readFileSync(file('e')).equals(readFileSync(file('f')))).toBe(true);
  });

  it('writes a file that its owner alone may read, and nothing beside it', () => {
    write('hello');
    const before = readdirSync(dirname(kernel));
    vgic(['run', '--kernel', kernel, '--save', file('g'), '--on', 'hello']);
    expect(statSync(file('g')).mode & 0o777).toBe(0o600);
    expect(readdirSync(dirname(kernel)).sort()).toEqual([...before, 'g'].sort());
  });

  it('that cannot write all of it leaves the older snapshot as it was, and nothing beside it', () => {
    write('hello');
    vgic(['run', '--kernel', kernel, '--save', file('old'), '--on', 'h']);
    const old = readFileSync(file('old'));
    const before = readdirSync(dirname(kernel));
    // A file of more than 512 bytes is refused by the system in the middle of the write.
    const args = ['run', '--kernel', kernel, '--save', file('old'), '--on', 'hello'];
    const { status, stderr } = limitedVgic(args);
    expect(stderr).toMatch(/^vgic: The snapshot cannot be written to .*: the file would be too large\.\n$/);
    expect(status).toBe(1);
    expect(readFileSync(file('old')).equals(old)).toBe(true);
    expect(readdirSync(dirname(kernel))).toEqual(before);
  });

  it('says with status 1 that the guest ended before the moment came, and writes nothing', () => {
    write('hello');
    expect(vgic(['run', '--kernel', kernel, '--save', file('h'), '--on', 'goodbye'])).toMatchObject({
      status: 1,
      stdout: 'hello, world\n',
      stderr: expect.stringMatching(
        /^vgic: The guest switched itself off at .* before it printed "goodbye": nothing was saved\.\n$/,
      ),
    });
    expect(vgic(['run', '--kernel', kernel, '--save', file('h'), '--at', '1s'])).toMatchObject({ status: 1 });
    write('sleep');
    expect(vgic(['run', '--kernel', kernel, '--save', file('h'), '--at', '1s'])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/1 s never comes, nothing was saved/),
    });
    expect(existsSync(file('h'))).toBe(false);
  });

  it('refuses a moment that is over, and a guest that resets after its restore', () => {
    write('timer');
    vgic(['run', '--kernel', kernel, '--save', file('i'), '--at', '2ms']);
    expect(vgic(['restore', file('i'), '--save', file('j'), '--at', '1ms'])).toMatchObject({
      status: 2,
      stderr: 'vgic: The machine is at 2 ms already; it cannot be saved at 1 ms.\n',
    });
    write('reset');
    vgic(['run', '--kernel', kernel, '--save', file('k'), '--on', 'r']);
    expect(vgic(['restore', file('k')])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(
        /^vgic: The guest asked for a reset at .*; there is no program here to start it again\.\n$/,
      ),
    });
    expect(vgic(['restore', file('k'), '--no-reboot'])).toMatchObject({ status: 0, stderr: '' });
  });

  it.each<[string, (good: Buffer) => Buffer, RegExp]>([
    ['empty', () => Buffer.alloc(0), /is empty/],
    ['something else', () => Buffer.from('#!/bin/sh\necho this is a script\n'), /not a snapshot/],
    ['cut in half', (good) => good.subarray(0, good.length / 2), /truncated: it ends after \d+ of \d+ bytes/],
    ['longer', (good) => Buffer.concat([good, good]), /follow its end/],
    ['with a bit turned', (good) => Buffer.from(good.map((byte, at) => (at === 500 ? byte ^ 4 : byte))), /checksum/],
  ])('refuses a snapshot that is %s: one sentence, status 2, and nothing has run', (_, change, message) => {
    write('hello');
    vgic(['run', '--kernel', kernel, '--save', file('good'), '--on', 'hello']);
    writeFileSync(file('bad'), change(readFileSync(file('good'))));
    const { status, stdout, stderr } = vgic(['restore', file('bad')]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^vgic: [^\n]+\.\n$/);
  });

  it('goes on where the host has another GICv4, or none; a GICv2 has no use for one', () => {
    write('timer');
    const save = (name: string, ...options: string[]) =>
      vgic(['run', '--kernel', kernel, ...options, '--save', file(name), '--at', '2500us']);
    expect(save('gicv4', '--gicv4', '4.1')).toMatchObject({ status: 0, stdout: '..' });
    for (const host of [[], ['--gicv4', '4.0'], ['--gicv4', 'none']]) {
      expect(vgic(['restore', file('gicv4'), ...host])).toMatchObject({ status: 0, stdout: '...', stderr: '' });
    }
    const sentence = 'A machine with a GICv2 has no LPIs that its host could inject directly; take a GICv3.\n';
    expect(save('none', '--gicv4', '4.1', '--gic', '2')).toMatchObject({ status: 2, stderr: `vgic: ${sentence}` });
    write('timer-gicv2');
    save('gicv2', '--gic', '2');
    const refused = vgic(['restore', file('gicv2'), '--gicv4', '4.0']);
    expect(refused).toMatchObject({ status: 2, stdout: '', stderr: `vgic: ${sentence}` });
    expect(vgic(['restore', file('gicv4'), '--gicv4', '41'])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/Possible is 4.0, 4.1 or none/),
    });
  });

  it('refuses a snapshot that is not there, or a directory', () => {
    expect(vgic(['restore', file('nowhere')])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/no such file/),
    });
    expect(vgic(['restore', dirname(kernel)])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/is not a file/),
    });
  });
});
