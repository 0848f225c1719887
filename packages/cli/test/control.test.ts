import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { Running, scratch, testProgram, vgic } from './vgic.js';

const file = scratch();
const program = (name: Parameters<typeof testProgram>[0]) => {
  const path = file(`${name}.bin`);
  writeFileSync(path, testProgram(name));
  return path;
};

/** The socket is in its place a moment before anybody can connect. */
function isListened(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(socket, () => resolve(true)).on('error', () => resolve(false));
    connection.once('connect', () => connection.destroy());
  });
}

/** A guest that spins for ever, with its control socket. */
async function spinning(name: string) {
  const socket = file(name);
  const running = new Running(['run', '--kernel', program('spin'), '--control', socket]);
  while (!(await isListened(socket))) await new Promise((resolve) => setTimeout(resolve, 10));
  return { running, socket };
}

/** Sends lines over a connection of its own, and gives as many that come back. */
async function talk(socket: string, lines: string[], answers = lines.length): Promise<Record<string, unknown>[]> {
  const connection = createConnection(socket);
  connection.write(`${lines.join('\n')}\n`);
  const got: Record<string, unknown>[] = [];
  for await (const line of createInterface({ input: connection })) {
    got.push(JSON.parse(line));
    if (got.length === answers) break;
  }
  connection.destroy();
  return got;
}

const request = (command: string, parameters = {}) => JSON.stringify({ command, ...parameters });

describe('the control socket', () => {
  it('tells, stops, starts, saves and ends; an answer for each request, in order', async () => {
    const { running, socket } = await spinning('a');
    const saved = file('a.snapshot');
    const answers = await talk(socket, [
      request('status', { id: 7 }),
      request('pause'),
      request('status'),
      request('snapshot', { file: saved, id: 'x' }),
      request('status'),
      request('resume'),
      request('status'),
    ]);
    expect(answers).toMatchObject([
      { id: 7, ok: true, state: 'running', config: { vcpus: 1, gic: 3 } },
      { ok: true },
      { ok: true, state: 'paused' },
      { id: 'x', ok: true, file: saved },
      { ok: true, state: 'paused' },
      { ok: true },
      { ok: true, state: 'running' },
    ]);
    expect(answers[3].time).toBe(answers[2].time);
    expect(answers[4].time).toBe(answers[2].time);
    expect(readFileSync(saved).subarray(0, 8).toString()).toBe('VGICSNAP');
    expect(await talk(socket, [request('quit')])).toEqual([{ ok: true }]);
    expect([await running.closed, running.stderr]).toEqual([0, '']);
    expect(existsSync(socket)).toBe(false);
  });

  it('answers what it does not understand with a sentence, and the guest goes on', async () => {
    const { running, socket } = await spinning('b');
    const bad = [
      'nonsense',
      '[]',
      '7',
      '{}',
      request('fly'),
      request('toString'),
      request('status', { more: 1 }),
      request('snapshot'),
      request('snapshot', { file: 7 }),
      request('snapshot', { file: file('none/x') }),
      request('migrate', { destination: 'somewhere' }),
      request('migrate', { destination: 'tcp:127.0.0.1:99999' }),
      request('migrate', { destination: `unix:${file('nobody')}` }),
      request('migrate', { destination: 'unix:x', downtimeLimit: -1 }),
      request('migrate-cancel'),
    ];
    const answers = await talk(socket, bad);
    for (const answer of answers)
      expect(answer).toMatchObject({ ok: false, error: expect.stringMatching(/^[^\n]+\.$/) });
    expect(await talk(socket, ['x'.repeat(100_000)], 1)).toMatchObject([{ ok: false, error: 'The line is too long.' }]);
    expect(await talk(socket, [request('status')])).toMatchObject([{ ok: true, state: 'running' }]);
    await talk(socket, [request('quit')]);
    expect(await running.closed).toBe(0);
  });

  it.skipIf(!existsSync('/dev/full'))('says that a disk is full, and the guest goes on (needs /dev/full)', async () => {
    const { running, socket } = await spinning('c');
    const full = { ok: false, error: 'The snapshot cannot be written to /dev/full: the disk is full.' };
    expect(await talk(socket, [request('snapshot', { file: '/dev/full' })])).toEqual([full]);
    expect(await talk(socket, [request('migrate', { destination: 'file:/dev/full' })])).toEqual([full]);
    expect(vgic(['migrate', socket, 'file:/dev/full'])).toMatchObject({ status: 1, stderr: `vgic: ${full.error}\n` });
    expect(await talk(socket, [request('status')])).toMatchObject([{ state: 'running' }]);
    await talk(socket, [request('quit')]);
    expect(await running.closed).toBe(0);
  });

  it('calls off a migration to somebody who does not answer', async () => {
    const { createServer } = await import('node:net');
    const silent = createServer(() => {}).listen(file('silent'));
    const { running, socket } = await spinning('d');
    expect(await talk(socket, [request('migrate', { destination: `unix:${file('silent')}` })])).toMatchObject([
      { ok: true },
    ]);
    expect(await talk(socket, [request('status')])).toMatchObject([
      { state: 'running', migration: { phase: 'greeting', destination: `unix:${file('silent')}` } },
    ]);
    expect(
      await talk(socket, [request('migrate', { destination: 'unix:x' }), request('migrate-cancel')]),
    ).toMatchObject([{ ok: false, error: 'A migration is under way already.' }, { ok: true }]);
    expect(await talk(socket, [request('status'), request('quit')])).toMatchObject([
      { state: 'running', migration: { phase: 'failed', reason: 'The migration was cancelled.' } },
      { ok: true },
    ]);
    expect(await running.closed).toBe(0);
    silent.close();
  });

  it('keeps no process whose guest has moved, though a client is idle and another does not read its answers', async () => {
    const there = new Running(['run', '--incoming', `unix:${file('f.in')}`, '--control', file('f.there')]);
    await there.prints('stderr', /Waiting/);
    const { running, socket } = await spinning('f');
    const clients = [request('status'), `${request('status')}\n`.repeat(5000)].map((lines) => {
      const client = createConnection({ path: socket, allowHalfOpen: true });
      client.on('error', () => {});
      client.write(`${lines}\n`);
      return client.pause();
    });
    // They have been heard.
    await talk(socket, [request('status')]);
    const migrate = new Running(['migrate', socket, `unix:${file('f.in')}`]);
    expect([await migrate.closed, migrate.stdout]).toEqual([0, expect.stringMatching(/^The guest goes on at unix:/)]);
    expect(await running.closed).toBe(0);
    for (const client of clients) client.destroy();
    await talk(file('f.there'), [request('quit')]);
    expect(await there.closed).toBe(0);
  });

  it('belongs to a paused guest that moves: it stands at the destination until it is told to go on', async () => {
    const kernel = program('hello');
    const there = new Running(['run', '--incoming', `unix:${file('in')}`, '--control', file('there')]);
    await there.prints('stderr', /Waiting/);
    const saved = vgic(['run', '--kernel', kernel, '--save', file('hello.snapshot'), '--on', 'hello']);
    expect(saved.status).toBe(0);
    const here = new Running(['restore', file('hello.snapshot'), '--control', file('here'), '--paused']);
    await here.prints('stderr', /stands until/);
    expect(vgic(['migrate', file('here'), `unix:${file('in')}`])).toMatchObject({ status: 0 });
    expect([await here.closed, here.stdout]).toEqual([0, '']);
    await there.prints('stderr', /stands until "resume"/);
    expect(JSON.parse(vgic(['control', file('there'), 'status']).stdout)).toMatchObject({ state: 'paused' });
    expect(there.stdout).toBe('');
    expect(vgic(['control', file('there'), 'resume']).status).toBe(0);
    expect([await there.closed, there.stdout]).toEqual([0, ', world\n']);
  });
});
