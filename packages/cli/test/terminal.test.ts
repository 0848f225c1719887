import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { commandLine, scratch, testProgram } from './vgic.js';

const file = scratch();
const kernel = file('echo.bin');
writeFileSync(kernel, testProgram('echo'));

/** What to do with the output so far; `type` sends keys. */
type Act = (output: string, type: (keys: string) => void) => void;

const run = commandLine(['run', '--kernel', kernel]);

/** Types the keys, or does something, each when the output contains the text before it. */
async function typeAtTerminal(dialogue: [after: string, keys: string | Act][], command = run) {
  const child = spawn('script', ['-qec', command, '/dev/null'], { env: { ...process.env, SHELL: '/bin/sh' } });
  onTestFinished(() => void child.kill());
  let output = '';
  let next = 0;
  child.stdout.on('data', (data) => {
    output += data;
    while (next < dialogue.length && output.includes(dialogue[next][0])) {
      const keys = dialogue[next++][1];
      if (typeof keys === 'string') child.stdin.write(keys);
      else keys(output, (more) => child.stdin.write(more));
    }
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

  it('tells its keys by Ctrl-A H, of which the guest gets none', async () => {
    const { status, output } = await typeAtTerminal([
      ['>', 'a\x01hb'],
      ['AB', '\x01x'],
    ]);
    expect(output).toMatch(/Ctrl-A H {2}this help\r\nCtrl-A X {2}quit/);
    expect(status).toBe(0);
  });

  it('gives the terminal to the shell while it is suspended, and has every key again when it is continued', async () => {
    const suspended = `set -m; sh -c 'echo pid=$$.; exec "$@"' - ${run}; stty -a; stty sane; echo suspended.; fg`;
    let asking: NodeJS.Timeout | undefined;
    const { status, output } = await typeAtTerminal(
      [
        ['>', 'a'],
        ['A', (before) => process.kill(Number(/pid=(\d+)\./.exec(before)?.[1]), 'SIGTSTP')],
        // The guest has the terminal when it answers.
        ['suspended.', (_, type) => (asking = setInterval(type, 200, '\x01h'))],
        ['this help', () => clearInterval(asking)],
        ['this help', '\x03b'],
        ['B', '\x01x'],
      ],
      suspended,
    );
    expect(output).toMatch(/ icanon/);
    expect(output).toContain('\x03B');
    expect(status).toBe(0);
  });

  it('ends when the guest switches itself off, and leaves the terminal usable', async () => {
    const { status, output } = await typeAtTerminal([['>', 'xq']]);
    expect([status, output.includes('>X')]).toEqual([0, true]);
  });
});
