import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { unreadableBecause } from '../src/input-file.js';
import { commandLine, scratch, startVgic, testProgram, vgic } from './vgic.js';

const file = scratch();
const program = (name: Parameters<typeof testProgram>[0]) => {
  const path = file(`${name}.bin`);
  writeFileSync(path, testProgram(name));
  return path;
};

describe('vgic run', () => {
  it("puts the guest's console on stdout and ends with status 0 when the guest switches itself off", () => {
    expect(vgic(['run', '--kernel', program('hello')])).toEqual({
      status: 0,
      signal: null,
      stdout: 'hello, world\n',
      stderr: '',
    });
  });

  it('gives stdin to the guest, with either interrupt controller option left out or said', async () => {
    const child = startVgic(['run', '--kernel', program('echo'), '--gic', '3', '--list-registers', '1']);
    let output = '';
    child.stdout.on('data', (data) => {
      output += data;
      // The guest listens once it has printed its prompt.
      if (output === '>') child.stdin.end('abcxyzq');
    });
    const [status] = await once(child, 'close');
    expect([status, output]).toEqual([0, '>ABCXYZ']);
  });

  it('gives the guest much more input than its FIFO holds, and loses none', async () => {
    const child = startVgic(['run', '--kernel', program('echo')]);
    const text = 'pendingactive'.repeat(20_000);
    let output = '';
    child.stdout.on('data', (data) => {
      if (output === '') child.stdin.end(`${text}q`);
      output += data;
    });
    const [status] = await once(child, 'close');
    expect(status).toBe(0);
    expect(output === `>${text.toUpperCase()}`).toBe(true);
  });

  it('gives the guest as many vCPUs as asked for', () => {
    for (const smp of [1, 3, 8]) {
      const { status, stdout } = vgic(['run', '--kernel', program('start-others'), '--smp', String(smp)]);
      expect(status).toBe(0);
      expect(stdout.replaceAll(/[^0-9]/g, '').length).toBe(smp - 1);
    }
  });

  it('starts the program again after a reset', async () => {
    const child = startVgic(['run', '--kernel', program('reset')]);
    let output = '';
    child.stdout.on('data', (data) => {
      output += data;
      if (output.length >= 3) child.kill();
    });
    await once(child, 'close');
    expect(output).toMatch(/^rrr+$/);
  });

  it('ends at a reset with status 0 when told not to start again, unless something was still to be saved', () => {
    const once = ['run', '--no-reboot', '--kernel', program('reset')];
    expect(vgic(once)).toEqual({ status: 0, signal: null, stdout: 'r', stderr: '' });
    expect(vgic([...once, '--save', file('never'), '--at', '1s'])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^vgic: The guest asked for a reset at .*, before 1 s: nothing was saved\.\n$/),
    });
  });

  it('takes memory in MiB, or with a unit', () => {
    for (const memory of ['128', '128M', '1g']) {
      expect(vgic(['run', '--kernel', program('hello'), '--memory', memory])).toMatchObject({ status: 0, stderr: '' });
    }
  });

  it('says on stderr where and why the guest locked up, with status 1', () => {
    const { status, stdout, stderr } = vgic(['run', '--kernel', program('wild')]);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^vgic: vCPU 0 locked up at PC 0x40080004, instruction 0xf9400020: .*\n$/);
  });

  it('ends with status 1 when the guest waits for input that will not come', () => {
    const { status, stderr } = vgic(['run', '--kernel', program('sleep')]);
    expect([status, stderr]).toEqual([
      1,
      'vgic: Every vCPU waits for console input, which has ended: the guest cannot go on.\n',
    ]);
  });

  it('ends quietly when nobody reads its output any more', async () => {
    const child = startVgic(['run', '--kernel', program('reset')]);
    let stderr = '';
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    await once(child.stdout, 'data');
    child.stdout.destroy();
    const [status, signal] = await once(child, 'close');
    expect([status, signal, stderr]).toEqual([0, null, '']);
  });

  it.skipIf(!existsSync('/dev/full'))('says with status 1 that its output cannot be written (needs /dev/full)', () => {
    const { status, stderr } = spawnSync('/bin/sh', [
      '-c',
      `${commandLine(['run', '--kernel', program('hello')])} > /dev/full`,
    ]);
    expect([status, stderr.toString()]).toEqual([1, "vgic: The console's output cannot be written: ENOSPC.\n"]);
  });

  it('is stopped by SIGINT and SIGTERM however busy the guest is', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const child = startVgic(['run', '--kernel', program('spin')]);
      const closed = once(child, 'close');
      setTimeout(() => child.kill(signal), 500);
      const [, killedBy] = await closed;
      expect(killedBy).toBe(signal);
    }
  });
});

describe('bad input', () => {
  const good = program('hello');
  writeFileSync(file('empty'), '');
  writeFileSync(file('bad.elf'), Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]));
  mkdirSync(file('directory'));

  it.each<[string, string[], RegExp]>([
    ['no kernel', [], /required option '--kernel <file>' not specified/],
    ['a kernel that is not there', ['--kernel', file('nowhere')], /nowhere cannot be read: there is no such file\./],
    ['a kernel that is a directory', ['--kernel', file('directory')], /directory cannot be read: it is not a file\./],
    ['an empty kernel', ['--kernel', file('empty')], /empty is empty\./],
    ['a truncated kernel', ['--kernel', file('bad.elf')], /bad\.elf is truncated/],
    ['an empty initrd', ['--kernel', good, '--initrd', file('empty')], /the initrd is empty\./],
    ['an initrd that is not there', ['--kernel', good, '--initrd', file('nowhere')], /no such file/],
    ['no vCPU', ['--kernel', good, '--smp', '0'], /Possible is 1 to 8\./],
    ['nine vCPUs', ['--kernel', good, '--smp', '9'], /Possible is 1 to 8\./],
    ['vCPUs that are no number', ['--kernel', good, '--smp', 'two'], /Possible is 1 to 8\./],
    ['an odd number of MiB', ['--kernel', good, '--memory', '129'], /units of 2 MiB/],
    ['too much memory', ['--kernel', good, '--memory', '4096'], /Possible is 2 to 3072 MiB, that is 3G\./],
    ['memory in another unit', ['--kernel', good, '--memory', '1T'], /It is no size; write 512, 512M or 1G\./],
    ['a GICv4', ['--kernel', good, '--gic', '4'], /Possible is 2 to 3\./],
    ['17 list registers', ['--kernel', good, '--list-registers', '17'], /Possible is 1 to 16\./],
    ['a time without a unit', ['--kernel', good, '--save', file('s'), '--at', '5'], /It is no time; write 500ms/],
    ['a save without a moment', ['--kernel', good, '--save', file('s')], /needs to know when/],
    [
      'a save with two moments',
      ['--kernel', good, '--save', file('s'), '--at', '1ms', '--on', 'x'],
      /needs to know when/,
    ],
    ['a moment without a save', ['--kernel', good, '--on', 'x'], /--save FILE is missing/],
    ['an empty text to wait for', ['--kernel', good, '--save', file('s'), '--on', ''], /It is empty\./],
    [
      'a snapshot in no directory',
      ['--kernel', good, '--save', file('none/s'), '--at', '1ms'],
      /directory is missing or not writable/,
    ],
    ['a snapshot over a directory', ['--kernel', good, '--save', file('directory'), '--at', '1ms'], /it is no file/],
    [
      'extended ranges with a GICv2',
      ['--kernel', good, '--gic', '2', '--extended-spis', '32'],
      /GICv2 has neither message-based SPIs nor extended ranges/,
    ],
    ['message-based SPIs of a device', ['--kernel', good, '--message-spis', '33:4'], /a first one from 80 on/],
    ['an option that is not there', ['--kernel', good, '--turbo'], /unknown option '--turbo'\n/],
    ['an option with a key gone wrong', ['--kernal', good], /unknown option '--kernal'\. Did you mean --kernel\?/],
    ['a device with one', ['--kernel', good, '--device', 'virtio-netpci'], /Did you mean virtio-net-pci\?/],
    [
      'a device option with one',
      ['--kernel', good, '--device', 'virtio-blk-pci,fiel=x'],
      /has no option fiel; possible are slot, readonly, file\. Did you mean file\?/,
    ],
    ['an argument too many', ['--kernel', good, 'more'], /too many arguments/],
  ])('%s: one sentence on stderr, status 2, nothing on stdout and nothing written', (_, args, message) => {
    const before = readdirSync(dirname(file('x')));
    const { status, stdout, stderr } = vgic(['run', ...args]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^vgic: [^\n]+\n$/);
    expect(readdirSync(dirname(file('x')))).toEqual(before);
  });

  // root may read everything, so that the error itself is made here
  it.each([
    ['EACCES', 'permission is denied'],
    ['ENOTDIR', 'there is no such file'],
    ['ERR_FS_FILE_TOO_LARGE', 'it is too large'],
    ['EIO', 'in the words of the system'],
  ])('a file that the system refuses with %s: said in words', (code, words) => {
    expect(unreadableBecause(Object.assign(new Error('in the words of the system'), { code }))).toBe(words);
  });

  it('an unknown command, or none: help or a sentence, status 2', () => {
    expect(vgic(['fly'])).toMatchObject({ status: 2, stdout: '', stderr: "vgic: unknown command 'fly'\n" });
    expect(vgic(['rnu'])).toMatchObject({ status: 2, stderr: "vgic: unknown command 'rnu'. Did you mean run?\n" });
    expect(vgic(['control', 'x', 'stauts'])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/Did you mean status\?\n$/),
    });
    expect(vgic([])).toMatchObject({ status: 2, stderr: expect.stringMatching(/Usage: vgic/) });
  });
});

describe('help', () => {
  it.each([
    [[], ['run', 'restore', 'demo', 'Examples:']],
    [
      ['run'],
      [
        '--kernel',
        '--initrd',
        '--append',
        '--smp',
        '--memory',
        '--no-reboot',
        '--gic',
        '--list-registers',
        '--message-spis',
        '--extended-spis',
        '--extended-ppis',
        '--save',
        '--at',
        '--on',
        'Ctrl-A X',
        'Exit status',
      ],
    ],
    [['restore'], ['--save', '--at', '--on', '--no-reboot', 'Ctrl-A X', 'Exit status']],
    [['migrate'], ['--downtime-limit', 'Exit status']],
    [['control'], ['--force', 'snapshot FILE']],
    [['demo'], ['--json']],
    [['exec'], ['--strict', 'Exit status']],
  ])('of %j tells every option, in 80 columns', (command, words) => {
    const { status, stdout } = vgic([...command, '--help']);
    expect(status).toBe(0);
    for (const word of words) expect(stdout).toContain(word);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});
