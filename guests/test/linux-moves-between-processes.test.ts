import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createConnection, createServer as createNetServer, type Socket } from 'node:net';
import { decodeSnapshot, encodeSnapshot } from '@vgic/machine';
import { zlibCompression } from '@vgic/machine/node';
import { describe, expect, it } from 'vitest';
import { controlClient } from '../../packages/cli/src/control/client.js';
import type { ControlRequest } from '../../packages/cli/src/control/requests.js';
import { Running, scratch, vgic } from '../../packages/cli/test/vgic.js';
import { crc32 } from '../../packages/machine/src/crc32.js';
import { linuxMissing } from '../linux.mjs';
import { withZero } from './forgetful-restore.js';
import { answered } from './linux-account.js';
import { boot, DEVICES, print } from './linux-on-vgic.js';

const skipped = linuxMissing();
const file = scratch();
const disk = `virtio-blk-pci,file=${file('disk')}`;
const ofDisk = ['--device', disk];
const board = ['--smp', '2', '--memory', '192', '--device', 'virtio-net-pci', ...ofDisk, '--device', 'virtio-rng-pci'];
writeFileSync(file('disk'), '');
truncateSync(file('disk'), 4 << 20);

interface Standing {
  snapshot: string;
  /** Of RAM that is not zero: what the first round of a migration sends, more or less. */
  bytes: number;
}

/** Boots a guest with its network up as far as its first `echo`, into a snapshot. */
function standing(name: string, tests: string): Standing {
  const machine = boot({ vcpus: 2, gic: 3 }, `ping:1:10,echo,${tests},off`, DEVICES);
  print(machine, 'vgic-init: echo waits');
  const state = machine.save();
  writeFileSync(file(name), Buffer.concat(encodeSnapshot(state, zlibCompression)));
  return { snapshot: file(name), bytes: state.ram.contents.length };
}

const restore = (snapshot: string, ...more: string[]) =>
  new Running(['restore', snapshot, ...ofDisk, '--pace', ...more]);
const incoming = async (address: string, ...more: string[]) => {
  const destination = new Running(['run', ...board, '--pace', '--incoming', address, ...more]);
  if (!address.startsWith('file:')) await destination.prints('stderr', /Waiting for a machine/);
  return destination;
};

/** Says something over a control socket: its answer, or for a migration its end. */
async function say(control: string, request: ControlRequest, onEvent: () => void = () => {}) {
  const client = await controlClient(control);
  client.send(request);
  try {
    for await (const line of client.lines) {
      if (line.ok === false) return line;
      if (line.phase === 'moved' || line.phase === 'failed') return line;
      if (line.event) onEvent();
      else if (request.command !== 'migrate') return line;
    }
    throw new Error('The machine has hung up.');
  } finally {
    client.close();
  }
}

/** Stands between source and destination, and keeps what comes after so many bytes until something has happened. */
function holding(path: string, destination: string, bytes: number, meanwhile: () => Promise<void>) {
  return createNetServer((source) => {
    const there = createConnection(destination);
    let left = bytes;
    there.pipe(source);
    for (const [end, other] of [
      [source, there],
      [there, source],
    ]) {
      end.on('error', () => {});
      end.on('close', () => other.destroy());
    }
    source.on('data', async (data) => {
      const isLast = left > 0 && left <= data.length;
      left -= data.length;
      there.write(data);
      if (!isLast) return;
      source.pause();
      await meanwhile();
      source.resume();
    });
  }).listen(path);
}

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

const consoles = (...processes: Running[]) => processes.map(({ stdout }) => stdout.replaceAll('\r', '')).join('');
const ALL = [...Array(60).keys()];
/** Of the ping that the guest was booted with, and of the sixty. */
const sixty = (text: string) => answered(text.slice(text.indexOf('vgic-init: echo go')));

describe.skipIf(skipped !== '')(`Linux with 60 pings, moved from process to process${skipped}`, () => {
  let made: Standing | undefined;
  const start = () => {
    made ??= standing('pings', 'ping:60:10');
    return made;
  };
  /** The guest as far as its third ping: there is time to say something before the last. */
  const pinging = async (control: string) => {
    const source = restore(start().snapshot, '--control', control);
    await waitFor(() => existsSync(control));
    source.child.stdin.write('go\r');
    await source.prints('stdout', /ping seq=2 answered/);
    return source;
  };

  it.each([5, 25])('loses none by a live migration whose first round is nearly over at ping %i', async (seq) => {
    const [control, there, here] = [file(`c${seq}`), file(`d${seq}`), file(`p${seq}`)];
    const destination = await incoming(`unix:${there}`);
    const source = restore(start().snapshot, '--control', control);
    const proxy = holding(here, there, 0.9 * start().bytes, async () => {
      source.child.stdin.write('go\r');
      await source.prints('stdout', new RegExp(`ping seq=${seq} answered`));
    });
    await waitFor(() => existsSync(control));
    const end = await say(control, { command: 'migrate', destination: `unix:${here}` });
    expect(end).toMatchObject({ phase: 'moved' });
    expect([await source.closed, await destination.closed]).toEqual([0, 0]);
    const text = consoles(source, destination);
    expect(sixty(text)).toEqual(ALL);
    expect(text).toMatch(/^vgic-init: ping sent=60 answered=60 lost=0 /m);
    expect(text).toMatch(/^vgic-init: PASS$/m);
    expect(sixty(consoles(source)).length).toBeGreaterThan(seq);
    expect(answered(consoles(destination)).length).toBeGreaterThan(0);
    proxy.close();
  });

  it('takes at least the time of its pings by the clock with --pace', async () => {
    const source = await pinging(file('pace'));
    const began = performance.now();
    await source.closed;
    // 57 intervals of 10 ms, but for what of the third ping's slice it was late to hear.
    expect(performance.now() - began).toBeGreaterThan(500);
  });

  it.each(['snapshot', 'migrate'] as const)('loses none by a file that "%s" has written', async (how) => {
    const control = file(`f-${how}`);
    const moved = file(`${how}d`);
    const source = await pinging(control);
    if (how === 'snapshot') {
      for (const request of [{ command: 'pause' }, { command: how, file: moved }, { command: 'quit' }] as const) {
        expect(await say(control, request)).toMatchObject({ ok: true });
      }
    } else expect(await say(control, { command: how, destination: `file:${moved}` })).toMatchObject({ phase: 'moved' });
    expect(await source.closed).toBe(0);
    const there = how === 'snapshot' ? restore(moved) : await incoming(`file:${moved}`);
    expect(await there.closed).toBe(0);
    const text = consoles(source, there);
    expect(sixty(text)).toEqual(ALL);
    expect(text).toMatch(/^vgic-init: ping sent=60 answered=60 lost=0 /m);
    expect(answered(consoles(there)).length).toBeGreaterThan(0);
  });

  // Negative control: the same by a file in which a register of the ITS is zero.
  it('lives on with a dead network after a file in which GITS_CTLR, GITS_BASER0 or GITS_BASER1 is zero', async () => {
    const [control, moved] = [file('n'), file('whole')];
    const source = await pinging(control);
    expect(await say(control, { command: 'migrate', destination: `file:${moved}` })).toMatchObject({ phase: 'moved' });
    expect(await source.closed).toBe(0);
    const state = decodeSnapshot(readFileSync(moved), zlibCompression);
    const end = (changed: typeof state) => {
      writeFileSync(file('changed'), Buffer.concat(encodeSnapshot(changed, zlibCompression)));
      const { stdout, stderr, status } = vgic(['restore', file('changed'), ...ofDisk]);
      return { text: consoles(source) + stdout.replaceAll('\r', ''), stderr, status };
    };
    expect(sixty(end(withZero(state, undefined)).text)).toEqual(ALL);
    expect(end(withZero(state, 'GITS_BASER1'))).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/its\[0\]: the tables of this ITS can't be restored/),
    });
    for (const register of ['GITS_CTLR', 'GITS_BASER0', 'GITS_BASER1'] as const) {
      const { text, status } = end(withZero(state, register, register === 'GITS_BASER1'));
      const [, answers, lost] = /^vgic-init: ping sent=60 answered=(\d+) lost=(\d+) /m.exec(text)!.map(Number);
      expect(answers).toBeGreaterThan(2);
      expect(lost).toBeGreaterThan(0);
      expect(answers + lost).toBe(60);
      expect([register, text, status]).toEqual([register, expect.stringMatching(/^vgic-init: FAIL ping: /m), 0]);
    }
  });
});

const CONTENTS = Uint8Array.from({ length: 300_000 }, (_, at) => (at * 7 + (at >> 8)) & 0xff);

/** An HTTP server with one file, all of it or no more than its beginning. */
async function serve(whole: boolean) {
  const held: Socket[] = [];
  const server = createServer((_, response) => {
    if (whole) response.end(CONTENTS);
    else {
      response.write(CONTENTS.subarray(0, 1000));
      held.push(response.socket!);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { held, forward: ['--forward', `guest:80:${port}`], close: () => server.close() };
}

describe.skipIf(skipped !== '')(`Linux with a web server outside${skipped}`, () => {
  const fetch = `fetch:80:file:${crc32(CONTENTS).toString(16)}`;
  let made: Standing | undefined;
  const start = () => {
    made ??= standing('fetch', `${fetch},hold:10,${fetch}`);
    return made;
  };

  it('fetches, pings through destinations that are killed, moves, and fetches again: no ping is lost, no byte wrong', async () => {
    const { forward, close } = await serve(true);
    const { snapshot, bytes } = start();
    const source = restore(snapshot, ...forward, '--control', file('k'));
    source.child.stdin.write('go\r');
    await source.prints('stdout', /fetch bytes=300000[\s\S]*ping seq=5 answered/);
    for (const part of [0.0001, 0.45, 0.9]) {
      const [there, here] = [file(`killed${part}`), file(`to${part}`)];
      const killed = await incoming(`unix:${there}`);
      const proxy = holding(here, there, part * bytes, async () => {
        killed.child.kill('SIGKILL');
        await killed.closed;
      });
      const end = await say(file('k'), { command: 'migrate', destination: `unix:${here}` });
      expect([end.phase, killed.stdout]).toEqual(['failed', '']);
      expect(await say(file('k'), { command: 'status' })).toMatchObject({ state: 'running' });
      proxy.close();
    }
    const destination = await incoming(`unix:${file('last')}`, ...forward);
    expect(await say(file('k'), { command: 'migrate', destination: `unix:${file('last')}` })).toMatchObject({
      phase: 'moved',
    });
    expect(await source.closed).toBe(0);
    await destination.prints('stdout', /ping seq=\d+ answered/);
    destination.child.stdin.write('enough\r');
    expect(await destination.closed).toBe(0);
    const text = consoles(source, destination);
    expect(text).toMatch(/^vgic-init: hold sent=(\d+) answered=\1 lost=0 /m);
    expect(text.match(/^vgic-init: fetch bytes=300000 /gm)).toHaveLength(2);
    expect(text).toMatch(/^vgic-init: PASS$/m);
    close();
  });

  it('is told that its connection is reset when it moves amid a fetch, and so is the server', async () => {
    const { forward, held, close } = await serve(false);
    const source = restore(start().snapshot, ...forward, '--control', file('h'));
    source.child.stdin.write('go\r');
    await waitFor(() => held.length > 0);
    const closed = new Promise((resolve) => held[0].on('close', resolve));
    const destination = await incoming(`unix:${file('held-in')}`, ...forward);
    expect(await say(file('h'), { command: 'migrate', destination: `unix:${file('held-in')}` })).toMatchObject({
      phase: 'moved',
    });
    await closed;
    expect([await source.closed, await destination.closed]).toEqual([0, 0]);
    // ECONNRESET
    expect(consoles(source, destination)).toMatch(/^vgic-init: FAIL fetch: reading fails with error 104$/m);
    close();
  });
});
