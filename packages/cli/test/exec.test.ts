import { describe, expect, it } from 'vitest';
import { vgic } from './vgic.js';

const script = (...lines: string[]) => `${lines.join('\n')}\n`;
const answers = (stdout: string) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('vgic exec', () => {
  it('names an operation that there is not, those that there are, and the one that was meant', () => {
    const { status, stdout } = vgic(['exec'], script('{"op":"craete"}', '{"id":2}', '{"op":"create"}'));
    const [typo, none, good] = answers(stdout);
    expect([status, good]).toEqual([0, { ret: 0 }]);
    expect(typo).toEqual({
      err: -38,
      msg: expect.stringMatching(
        /^There is no op "craete"\. Did you mean create\? Possible are create, .*vgic_state\.$/,
      ),
    });
    expect(none).toEqual({
      id: 2,
      err: -38,
      msg: expect.stringMatching(/^There is no "op" in the line\. Possible are /),
    });
  });

  it('with --strict carries out the whole script, and ends with status 1 when a line failed', () => {
    const good = script('# a comment', '{"op":"create"}', '', '{"op":"pending"}');
    expect(vgic(['exec', '--strict'], good)).toMatchObject({ status: 0, stderr: '' });
    const bad = script('# a comment', '{"op":"create"}', '', '{"op":"create"}', 'nonsense', '{"op":"pending"}');
    const { status, stdout, stderr } = vgic(['exec', '--strict'], bad);
    expect([status, stderr]).toEqual([1, 'vgic: 2 lines, from line 4 on, failed.\n']);
    expect(answers(stdout).map(({ err }) => err)).toEqual([undefined, -17, -74, undefined]);
    expect(vgic(['exec'], bad)).toEqual({ status: 0, signal: null, stdout, stderr: '' });
    expect(vgic(['exec', '--strict'], 'x')).toMatchObject({ status: 1, stderr: 'vgic: Line 1 failed.\n' });
  });

  it('refuses a script that cannot be read with a sentence and status 2', () => {
    expect(vgic(['exec', '/nowhere'])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^vgic: The script [^\n]*\n$/),
    });
  });
});
