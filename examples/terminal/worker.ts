/*
 * The worker of the terminal: it fetches a kernel and an initial RAM disk, and runs a machine with them in turns, between which
 * the page's messages have theirs.
 */
import { Machine, MemoryDisk, Runner } from '@vgic/machine';
import type { Source, ToPage, ToWorker } from './messages.js';

const MEBIBYTE = 2 ** 20;
/** Milliseconds between two words about the guest's time. */
const NEWS = 250;

const post = (message: ToPage) => self.postMessage(message);
const status = (text: string) => post({ type: 'status', text });

let runner: Runner | undefined;

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  if (data.type === 'input') runner?.sendConsoleInput(data.bytes);
  else boot(data).catch((error: Error) => status(error.message));
};

async function boot({ kernel, initrd, append }: ToWorker & { type: 'boot' }): Promise<void> {
  const program = {
    kernel: await bytesOf(kernel, 'the kernel'),
    append,
    ...(initrd !== undefined && { initrd: await bytesOf(initrd, 'the initial RAM disk') }),
  };
  status('Booting …');

  /** Also after a reset, which the guest asks for. */
  const build = () => {
    const machine = new Machine(
      {
        vcpus: 2,
        memory: 192 * MEBIBYTE,
        gic: 3,
        devices: [{ type: 'virtio-net-pci' }, { type: 'virtio-blk-pci', slot: 2 }, { type: 'virtio-rng-pci' }],
      },
      { disks: { 2: new MemoryDisk(new Uint8Array(4 * MEBIBYTE)) } },
    );
    machine.load(program);
    return machine;
  };

  // Its time goes as the clock does, so that it sleeps while the guest does.
  runner = new Runner(build(), { pace: true, reboot: build });
  runner.on('output', (bytes) => post({ type: 'output', bytes }));
  tellTime(runner);
  const { reason } = await runner.start();
  status(`The guest has ended (${reason}). Reload the page to boot it again.`);
}

/** Now and then, how far the guest is. */
function tellTime(runner: Runner): void {
  let next = 0;
  runner.on('turn', () => {
    if (performance.now() < next) return;
    next = performance.now() + NEWS;
    const { vcpus, memory } = runner.machine.config;
    const seconds = (runner.machine.time / 1e9).toFixed(1);
    status(`${vcpus} vCPUs, ${memory / MEBIBYTE} MiB, up for ${seconds} s of its time`);
  });
}

/** All of a file; says how far it is. */
async function bytesOf(source: Source, what: string): Promise<Uint8Array> {
  status(`Loading ${what} …`);
  if (typeof source !== 'string') return new Uint8Array(await source.arrayBuffer());
  const response = await fetch(source);
  if (!response.ok || response.body === null) throw new Error(`There is no ${source} (HTTP ${response.status}).`);
  const size = Number(response.headers.get('content-length'));
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let loaded = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value);
    loaded += value.length;
    const of = size > 0 ? ` of ${(size / MEBIBYTE).toFixed(1)}` : '';
    status(`Loading ${what}: ${(loaded / MEBIBYTE).toFixed(1)}${of} MiB`);
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}
