import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandLine, linuxMissing, runLinuxInQemu } from '../linux.mjs';
import { emulator } from '../qemu.mjs';
import { interruptNamed, sum } from './linux-account.js';

const qemuMissing = spawnSync(emulator, ['--version']).error !== undefined;
const skipped = qemuMissing
  ? ` (skipped: ${emulator} is missing; enable with: apt-get install qemu-system-arm)`
  : linuxMissing();

/** What the guest fetches: QEMU's network leads 10.0.2.2 to this computer. */
const file = randomBytes(300_000);
/** A gzip file ends with the CRC-32 of its contents and their length (RFC 1952, 2.3.1). */
const crc = gzipSync(file).subarray(-8).readUInt32LE().toString(16).padStart(8, '0');
let server: Server;
let port: number;

beforeAll(async () => {
  server = createServer((request, response) => {
    response.statusCode = request.url === '/file' ? 200 : 404;
    response.end(request.url === '/file' ? file : undefined);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => server.close());

/** The init program is proved here, on a peer, before it judges our machine. */
describe.skipIf(skipped !== '')(`Debian's arm64 kernel with guests/linux-init in QEMU${skipped}`, () => {
  it.each([
    [3, 'ITS-MSI'],
    [2, 'MSI'],
  ])('pings, fetches, reads and writes its disk, and moves interrupts with a GICv%i', async (gic, kind) => {
    const tests = `boot:2,random,block:32,ping:20:10,flood:200,fetch:${port}:file:${crc},move:virtio0-input.0,cpus,interrupts,off`;
    const output = await runLinuxInQemu(commandLine(tests), { gic });
    expect(output).toMatch(/^vgic-init: PASS$/m);
    const answered = [...output.matchAll(/^vgic-init: ping seq=(\d+) answered \d+\.\d{3}ms$/gm)];
    expect(answered.map(([, sequence]) => Number(sequence)).sort((a, b) => a - b)).toEqual([...Array(20).keys()]);
    expect(output).toContain('vgic-init: flood sent=200 answered=200 lost=0');
    expect(output).toContain(`vgic-init: fetch bytes=${file.length} crc=${crc}`);
    for (const name of ['virtio0-input.0', 'virtio0-output.0', 'virtio2-input']) {
      const line = interruptNamed(output, name);
      expect(line.what.split(' ')[0]).toBe(kind);
      expect(sum(line.counts)).toBeGreaterThan(0);
    }
  });

  // Negative controls: what must not pass does not.
  it.each([
    [
      'ping:3:10',
      'vgic.peer=10.0.2.77',
      /^vgic-init: ping seq=0 lost\n.*seq=1 lost\n.*seq=2 lost$/m,
      /^vgic-init: FAIL ping: 3 of 3 lost/m,
    ],
    [
      'fetch:PORT:file:00000000',
      '',
      /^vgic-init: fetch bytes=300000 /m,
      /^vgic-init: FAIL fetch: the CRC-32 is [0-9a-f]{8}, not 00000000$/m,
    ],
    ['fetch:PORT:other', '', /./, /^vgic-init: FAIL fetch: the server answers HTTP\/1.1 404$/m],
    ['block:2000', '', /./, /^vgic-init: FAIL block: block 1024 cannot be written/m],
  ])('fails with vgic.test=%s %s', async (tests, settings, account, failure) => {
    const output = await runLinuxInQemu(commandLine(`${tests.replace('PORT', String(port))},off`, settings));
    expect(output).toMatch(account);
    expect(output).toMatch(failure);
    expect(output).not.toContain('PASS');
  });
});
