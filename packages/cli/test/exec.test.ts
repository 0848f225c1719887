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

  /** GICD_CTLR of a GICv3 after a write of 3: each group has its enable, but not in KVM 6.12. */
  const enablesOf = (args: readonly string[], create = '{"op":"create"}') => {
    const both = '{"op":"mmio_write","addr":"0x8000000","value":"0x3"}';
    const { stdout } = vgic(['exec', ...args], script(create, both, '{"op":"mmio_read","addr":"0x8000000"}'));
    return answers(stdout)[2].value;
  };

  it('follows the architecture, or the KVM of --kvm, or of a machine’s own "kvm"', () => {
    expect(enablesOf([])).toBe('0x53');
    expect(enablesOf(['--kvm', '6.12'])).toBe('0x52');
    expect(enablesOf(['--kvm', 'activeFirst,oneDistributorEnable'])).toBe('0x52');
    expect(enablesOf(['--kvm', 'activeFirst'])).toBe('0x53');
    expect(enablesOf([], '{"op":"create","kvm":"6.12"}')).toBe('0x52');
    expect(enablesOf(['--kvm', '6.12'], '{"op":"create","kvm":"none"}')).toBe('0x53');
  });

  it('refuses a KVM that there is not: as an option with a sentence and status 2, in a script with EINVAL', () => {
    expect(vgic(['exec', '--kvm', '6.13'], '')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("No KVM is '6.13': possible are none, 6.12, or some of activeFirst, "),
    });
    const [create] = answers(vgic(['exec'], script('{"op":"create","kvm":"6.13"}')).stdout);
    expect(create.err).toBeLessThan(0);
  });

  it('refuses a script that cannot be read with a sentence and status 2', () => {
    expect(vgic(['exec', '/nowhere'])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^vgic: The script [^\n]*\n$/),
    });
  });
});
