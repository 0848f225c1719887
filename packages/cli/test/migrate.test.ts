import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Running, scratch, testProgram, vgic } from './vgic.js';

const file = scratch();
const guest = (name: string) => fileURLToPath(new URL(`../../../guests/${name}/${name}.bin`, import.meta.url));

/** Guests that run for seconds, and a moment near their end at which the destination saves them. */
const GUESTS = [
  { name: 'interrupts', append: 'rounds=300', at: '90ms' },
  { name: 'its', append: 'rounds=200', at: '90ms' },
];

const machine = ['--smp', '4', '--memory', '64'];
const whole = new Map(
  GUESTS.map(({ name, append, at }) => {
    const run = ['run', ...machine, '--kernel', guest(name), '--append', append];
    const { stdout, status, stderr } = vgic([...run, '--save', file(`${name}.expected`), '--at', at]);
    if (status !== 0) throw new Error(stderr);
    return [name, { console: stdout, snapshot: readFileSync(file(`${name}.expected`)) }];
  }),
);

/** Starts the guest, migrates it as soon as it speaks, and gives everybody's end. */
async function move(name: string, append: string, at: string, incoming: string, how: string[] = []) {
  const saved = file(`${name}.${incoming.slice(0, 3)}.moved`);
  const control = file('control');
  const destination = incoming.startsWith('file:')
    ? undefined
    : new Running(['run', ...machine, '--incoming', incoming, '--save', saved, '--at', at]);
  const address = destination ? (await destination.prints('stderr', /Waiting for a machine at (\S+)\n/))[1] : incoming;
  const source = new Running(['run', ...machine, '--kernel', guest(name), '--append', append, '--control', control]);
  await source.prints('stdout', /\n/);
  const migrate = new Running(['migrate', control, address, ...how]);
  expect([await migrate.closed, migrate.stderr.replaceAll(/^Handing over.*\n|^Round.*\n/gm, '')]).toEqual([0, '']);
  expect(await source.closed).toBe(0);
  const there = destination ?? new Running(['run', ...machine, '--incoming', incoming, '--save', saved, '--at', at]);
  expect([await there.closed, source.stderr]).toEqual([0, '']);
  return { source, there, migrate, snapshot: readFileSync(saved) };
}

describe('vgic migrate', () => {
  it.each([
    { ...GUESTS[0], kind: 'unix' },
    { ...GUESTS[1], kind: 'tcp' },
    { ...GUESTS[1], kind: 'file' },
  ])(
    'moves the guest $name to another process by $kind: it comes to the very state that it would have come to, and prints the same',
    async ({ name, append, at, kind }) => {
      const incoming = { unix: `unix:${file('in')}`, tcp: 'tcp:127.0.0.1:0', file: `file:${file('machine')}` }[kind]!;
      const { source, there, migrate, snapshot } = await move(name, append, at, incoming);
      const expected = whole.get(name)!;
      expect(source.stdout + there.stdout).toBe(expected.console);
      expect(there.stdout.length).toBeGreaterThan(0);
      expect(snapshot.equals(expected.snapshot)).toBe(true);
      expect(migrate.stdout).toMatch(
        kind === 'file' ? /^The machine is in file:/ : /^The guest goes on at .*: it stood still for \d+\.\d ms\./,
      );
    },
  );
});

/** Says when to break a connection, of the bytes that have passed. */
type Breaks = (fromSource: number, fromDestination: number) => boolean;

/** Stands between source and destination; breaks the first connection when `breaks` says so. Calls `later` for others. */
function between(path: string, destination: string, breaks: Breaks, later: (source: Socket) => void = () => {}) {
  let first = true;
  return createServer((source) => {
    const mayBreak = first;
    first = false;
    if (!mayBreak) later(source);
    if (source.destroyed) return;
    const passed = { source: 0, destination: 0 };
    const there = createConnection(destination);
    const forward = (from: Socket, to: Socket, name: keyof typeof passed) => {
      from.on('error', () => {});
      from.on('close', () => to.destroy());
      from.on('data', (data) => {
        passed[name] += data.length;
        if (mayBreak && breaks(passed.source, passed.destination)) {
          source.destroy();
          there.destroy();
        } else to.write(data);
      });
    };
    forward(source, there, 'source');
    forward(there, source, 'destination');
  }).listen(path);
}

/** Bytes of the answers that come before the last one, which says that the machine runs: header, ACPT, one ACKR or more, REDY. */
const LEAST_ANSWERS = 16 + 16 + 20 + 16;

/** Breaks when the answer comes that is after REDY: that the machine runs. */
function atLastAnswer(): Breaks {
  let answers = 0;
  return (fromSource, fromDestination) => {
    const isNew = fromDestination > answers;
    answers = fromDestination;
    return isNew && fromSource > 30_000 && fromDestination > LEAST_ANSWERS && (fromDestination - 32) % 20 === 12;
  };
}

describe('vgic migrate over a connection that breaks', () => {
  const [{ name, append, at }] = GUESTS;
  const expected = whole.get(name)!;
  const source = (control: string, saved: string) =>
    new Running(
      ['run', ...machine, '--kernel', guest(name), '--append', append].concat([
        '--control',
        control,
        '--save',
        saved,
        '--at',
        at,
      ]),
    );

  it('in the middle leaves the guest where it was, and it has noticed nothing', async () => {
    const destination = new Running(['run', ...machine, '--incoming', `unix:${file('d1')}`]);
    await destination.prints('stderr', /Waiting/);
    const proxy = between(file('p1'), file('d1'), (fromSource) => fromSource > 30_000);
    const running = source(file('c1'), file('s1'));
    await running.prints('stdout', /\n/);
    const migrate = new Running(['migrate', file('c1'), `unix:${file('p1')}`]);
    expect(await migrate.closed).toBe(1);
    expect(migrate.stderr).toMatch(/vgic: The guest goes on where it was\. .*\n$/);
    expect(await destination.closed).toBe(1);
    expect([destination.stdout, destination.stderr]).toEqual([
      '',
      expect.stringMatching(/\nvgic: No machine has arrived: The source has closed the connection\.\n$/),
    ]);
    expect([await running.closed, running.stdout]).toEqual([0, expected.console]);
    expect(readFileSync(file('s1')).equals(expected.snapshot)).toBe(true);
    proxy.close();
  });

  it('when the machine has just been given up: the source asks again, and the guest runs at the destination alone', async () => {
    const args = ['run', ...machine, '--incoming', `unix:${file('d2')}`, '--save', file('s2'), '--at', at];
    const destination = new Running(args);
    await destination.prints('stderr', /Waiting/);
    const proxy = between(file('p2'), file('d2'), atLastAnswer());
    const running = source(file('c2'), file('never'));
    await running.prints('stdout', /\n/);
    const migrate = new Running(['migrate', file('c2'), `unix:${file('p2')}`, '--json']);
    expect([await migrate.closed, migrate.stderr]).toEqual([0, '']);
    expect(migrate.stdout).toMatch(/"phase":"unknown"/);
    expect([await running.closed, await destination.closed]).toEqual([0, 0]);
    expect(running.stdout + destination.stdout).toBe(expected.console);
    expect(readFileSync(file('s2')).equals(expected.snapshot)).toBe(true);
    expect(existsSync(file('never'))).toBe(false);
    proxy.close();
  });

  it('and does not last when it is made anew: the source stands and asks, and ends when it is told to', async () => {
    const args = ['run', ...machine, '--incoming', `unix:${file('d3')}`, '--save', file('s3'), '--at', at];
    const destination = new Running(args);
    await destination.prints('stderr', /Waiting/);
    let attempts = 0;
    const proxy = between(file('p3'), file('d3'), atLastAnswer(), (source) => {
      attempts++;
      source.on('error', () => {});
      source.destroy();
    });
    const running = source(file('c3'), file('never'));
    await running.prints('stdout', /\n/);
    const migrate = new Running(['migrate', file('c3'), `unix:${file('p3')}`]);
    expect(await destination.closed).toBe(0);
    while (attempts < 4) await new Promise((resolve) => setTimeout(resolve, 100));
    const status = JSON.parse(vgic(['control', file('c3'), 'status']).stdout);
    expect(status).toMatchObject({
      state: 'handing-over',
      migration: { phase: expect.stringMatching(/unknown|asking/) },
    });
    expect(running.stdout + destination.stdout).toBe(expected.console);
    expect(vgic(['control', file('c3'), 'resume'])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/Only the destination knows/),
    });
    expect(vgic(['control', file('c3'), 'quit']).status).toBe(0);
    expect([await running.closed, await migrate.closed]).toEqual([0, 1]);
    expect(existsSync(file('never'))).toBe(false);
    proxy.close();
  });
});

describe('vgic run --incoming', () => {
  it.each<[string, string[], RegExp]>([
    ['fewer vCPUs', ['--smp', '2', '--memory', '64'], /vCPUs: the source has 4, the destination 2/],
    ['more memory', ['--smp', '4', '--memory', '66'], /memory: the source has 67108864, the destination 69206016/],
    ['another GIC', ['--smp', '4', '--memory', '64', '--gic', '2'], /GIC version: the source has 3, the destination 2/],
  ])('with %s refuses before it takes any memory, and both sides say why', async (what, options, message) => {
    const path = file(what.replaceAll(' ', '-'));
    const destination = new Running(['run', ...options, '--incoming', `unix:${path}`]);
    await destination.prints('stderr', /Waiting/);
    const held = ['--control', `${path}.c`, '--paused', '--append', 'rounds=2'];
    const running = new Running(['run', ...machine, '--kernel', guest('interrupts'), ...held]);
    await running.prints('stderr', /stands until/);
    const migrate = vgic(['migrate', `${path}.c`, `unix:${path}`, '--json']);
    expect([migrate.status, migrate.stderr]).toEqual([1, expect.stringMatching(message)]);
    expect(JSON.parse(migrate.stdout.trim().split('\n').at(-1)!)).toMatchObject({
      phase: 'failed',
      bytes: expect.any(Number),
    });
    expect(JSON.parse(migrate.stdout.trim().split('\n').at(-1)!).bytes).toBeLessThan(1000);
    expect([await destination.closed, destination.stderr]).toEqual([1, expect.stringMatching(message)]);
    expect(vgic(['control', `${path}.c`, 'resume']).status).toBe(0);
    expect(await running.closed).toBe(0);
    expect(running.stdout).toMatch(/\nPASS\r?\n$/);
  });

  it('with other list registers takes the guest, which can not tell', async () => {
    const path = file('one-list-register');
    const options = ['--smp', '4', '--memory', '64', '--list-registers', '1'];
    const destination = new Running(['run', ...options, '--incoming', `unix:${path}`]);
    await destination.prints('stderr', /Waiting/);
    const held = ['--control', `${path}.c`, '--paused', '--append', 'rounds=2'];
    const running = new Running(['run', ...machine, '--kernel', guest('interrupts'), ...held]);
    await running.prints('stderr', /stands until/);
    expect(vgic(['migrate', `${path}.c`, `unix:${path}`]).status).toBe(0);
    await running.closed;
    expect(await destination.closed).toBe(0);
    expect(destination.stdout).toMatch(/\nPASS\r?\n$/);
  });

  it('with a file opens what its devices have of this computer once, and refuses a machine with other devices', async () => {
    writeFileSync(file('disk'), new Uint8Array(4096));
    writeFileSync(file('spin.bin'), testProgram('spin'));
    const options = ['--memory', '4', '--device', `virtio-blk-pci,file=${file('disk')}`];
    const saved = vgic(['run', ...options, '--kernel', file('spin.bin'), '--save', file('with-disk'), '--at', '1us']);
    expect(saved.status).toBe(0);
    const arriving = ['--incoming', `file:${file('with-disk')}`];
    const held = new Running(['run', ...options, ...arriving, '--paused', '--control', file('once.c')]);
    await held.prints('stderr', /stands until/);
    const descriptors = `/proc/${held.child.pid}/fd`;
    const open = readdirSync(descriptors).map((name) => readlinkSync(`${descriptors}/${name}`));
    expect(open.filter((path) => path === realpathSync(file('disk')))).toHaveLength(1);
    expect(vgic(['control', file('once.c'), 'quit']).status).toBe(0);
    await held.closed;
    for (const devices of [[], [...options.slice(2), '--device', 'virtio-rng-pci']]) {
      expect(vgic(['run', '--memory', '4', ...devices, ...arriving])).toMatchObject({
        status: 2,
        stderr: expect.stringMatching(/^vgic: The machines differ in their devices: .*\.\n$/),
      });
    }
  });

  it('is for its owner alone, takes the place of a socket that nobody listens to, and ends when told', async () => {
    const start = () => new Running(['run', '--incoming', `unix:${file('own')}`, '--control', file('own.c')]);
    const first = start();
    await first.prints('stderr', /Waiting/);
    expect([file('own'), file('own.c')].map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o600]);
    expect(vgic(['run', '--incoming', `unix:${file('own')}`])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/somebody listens there already\.\n$/),
    });
    first.child.kill('SIGKILL');
    await first.closed;
    const second = start();
    await second.prints('stderr', /Waiting/);
    expect(JSON.parse(vgic(['control', file('own.c'), 'status']).stdout)).toMatchObject({ state: 'incoming' });
    expect(vgic(['control', file('own.c'), 'pause'])).toMatchObject({ status: 1 });
    expect(vgic(['control', file('own.c'), 'quit'])).toMatchObject({ status: 0 });
    expect(await second.closed).toBe(1);
  });
});
