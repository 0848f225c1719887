import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Machine } from '@vgic/machine';
import { describe, expect, it } from 'vitest';
import { busyboxInitrd, kernelFile, LINUX, linuxMissing } from '../linux.mjs';
import { print } from './linux-on-vgic.js';

const skipped = linuxMissing();

/** Sums, quotients and roots in doubles, of which the last digit shows too. */
const AWK = `BEGIN { for (i = 1; i <= 20; i++) { s += 1 / (i * i); r = i; for (j = 0; j < 40; j++) r = (r + i / r) / 2; printf "line %d %.15f %.15f %e\\n", i, s, r, 1e300 * i / 3 } }`;
const SCRIPT = [
  `busybox awk '${AWK}'`,
  'sha256sum /bin/busybox',
  'gzip -c /bin/busybox | gunzip | sha256sum',
  'seq 300 | sort -r | busybox sha1sum',
  'poweroff -f',
];

/** The same in JavaScript, whose numbers are doubles as well. */
function expectedLines(): string[] {
  let sum = 0;
  return Array.from({ length: 20 }, (_, n) => {
    const i = n + 1;
    sum += 1 / (i * i);
    let root = i;
    for (let j = 0; j < 40; j++) root = (root + i / root) / 2;
    const exponential = ((1e300 * i) / 3).toExponential(6);
    return `line ${i} ${sum.toFixed(15)} ${root.toFixed(15)} ${exponential}`;
  });
}

/** Debian's kernel with a shell, at which the script has been typed. */
function shell(vcpus: number): { machine: Machine; text: string } {
  const machine = new Machine({ vcpus, memory: 192 << 20, gic: 3 });
  const append = 'console=ttyAMA0 nokaslr cryptomgr.notests quiet';
  machine.load({ kernel: readFileSync(kernelFile), initrd: busyboxInitrd(), append });
  const text = print(machine, 'Linux ');
  machine.sendConsoleInput(new TextEncoder().encode(`${SCRIPT.join('\r')}\r`));
  return { machine, text };
}

describe.skipIf(skipped !== '')(`Debian's busybox, a static program of glibc, on vgic${skipped}`, () => {
  it('calculates, hashes, compresses and sorts as others do, also when saved and restored between', () => {
    const { machine, text } = shell(2);
    const before = text + print(machine, 'line 7 ');
    const output = before + print(Machine.restore(machine.save()));
    const lines = output.split('\n');
    expect(lines.filter((line) => /^line \d/.test(line))).toEqual(expectedLines());
    const sha256 = createHash('sha256')
      .update(readFileSync(join(LINUX, 'busybox')))
      .digest('hex');
    expect(lines).toContain(`${sha256}  /bin/busybox`);
    expect(lines).toContain(`${sha256}  -`);
    const sorted = Array.from({ length: 300 }, (_, i) => String(i + 1))
      .sort()
      .reverse();
    const sha1 = createHash('sha1')
      .update(`${sorted.join('\n')}\n`)
      .digest('hex');
    expect(lines).toContain(`${sha1}  -`);

    const whole = shell(2);
    expect(whole.text + print(whole.machine)).toBe(output);
  });
});
