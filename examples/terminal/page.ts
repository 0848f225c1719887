/*
 * A terminal in a page, whose guest is an Arm machine in a worker. What runs is told in the address,
 *
 *     ?kernel=URL&initrd=URL&append=COMMAND+LINE
 *
 * or dropped on the page. `npm run terminal` serves it with Debian's kernel and a shell.
 */
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import type { Source, ToPage, ToWorker } from './messages.js';

const COMMAND_LINE = 'console=ttyAMA0 nokaslr cryptomgr.notests quiet';

const terminal = new Terminal({
  // a serial console tells no size: 80 columns and 24 rows are what every guest takes it for
  cols: 80,
  rows: 24,
  fontSize: 15,
  fontFamily: 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace',
  cursorBlink: true,
  theme: { background: '#0f1115', foreground: '#d7dae0' },
});
const panel = document.querySelector('main')!;
const status = document.querySelector('#status')!;
terminal.open(document.querySelector<HTMLElement>('#terminal')!);
terminal.onData((text) => tell({ type: 'input', bytes: new TextEncoder().encode(text) }));
terminal.focus();

let worker: Worker | undefined;

function tell(message: ToWorker): void {
  worker?.postMessage(message);
}

function boot(kernel: Source, initrd: Source | undefined, append: string): void {
  worker?.terminate();
  terminal.reset();
  terminal.focus();
  worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  worker.onerror = (event) => {
    status.textContent = event.message;
  };
  worker.onmessage = ({ data }: MessageEvent<ToPage>) => {
    if (data.type === 'output') terminal.write(data.bytes);
    else status.textContent = data.text;
  };
  tell({ type: 'boot', kernel, initrd, append });
}

// ---- what to boot

const parameters = new URLSearchParams(location.search);
const kernel = parameters.get('kernel');
const append = parameters.get('append') ?? COMMAND_LINE;
if (kernel === null) status.textContent = 'No guest yet.';
else boot(kernel, parameters.get('initrd') ?? undefined, append);

addEventListener('dragover', (event) => {
  event.preventDefault();
  panel.classList.add('wanted');
});
addEventListener('dragleave', () => panel.classList.remove('wanted'));
addEventListener('drop', (event) => {
  event.preventDefault();
  panel.classList.remove('wanted');
  const files = [...(event.dataTransfer?.files ?? [])];
  const isDisk = (file: File) => /initrd|initramfs|cpio/.test(file.name);
  const image = files.find((file) => !isDisk(file));
  if (image) boot(image, files.find(isDisk), append);
});
