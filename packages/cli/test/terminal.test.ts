import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commandLine, scratch, testProgram } from './vgic.js';

const file = scratch();
const kernel = file('echo.bin');
writeFileSync(kernel, testProgram('echo'));

/** Types the keys, one string after each time that the output contains the text before it. */
async function typeAtTerminal(dialogue: [after: string, keys: string][]) {
  const child = spawn('script', ['-qec', commandLine(['run', '--kernel', kernel]), '/dev/null']);
  let output = '';
  let next = 0;
  child.stdout.on('data', (data) => {
    output += data;
    while (next < dialogue.length && output.includes(dialogue[next][0])) child.stdin.write(dialogue[next++][1]);
  });
  const [status] = await once(child, 'close');
  return { status, output };
}

// `script` of util-linux gives the command a terminal of its own.
const script = spawnSync('script', ['--version']).status === 0;

describe.skipIf(!script)('vgic run in a terminal (needs the command script: apt-get install bsdutils)', () => {
  it('gives each key to the guest, Ctrl-C too, and quits by Ctrl-A X with status 0', async () => {
    const { status, output } = await typeAtTerminal([
      ['>', 'ab'],
      ['AB', '\x03'],
      ['\x03', '\x01a'],
      ['\x01', '\x01x'],
    ]);
    expect(output).toContain('Ctrl-A X quits');
    expect(output).toContain('>AB\x03\x01');
    expect(status).toBe(0);
  });

  it('ends when the guest switches itself off, and leaves the terminal usable', async () => {
    const { status, output } = await typeAtTerminal([['>', 'xq']]);
    expect([status, output.includes('>X')]).toEqual([0, true]);
  });
});
