// npm run terminal: the terminal of examples/terminal in a page, with Debian's kernel and a shell.
import { createReadStream, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { busyboxInitrd, kernelFile } from '../guests/linux.mjs';
import { ensureLinux } from './linux-guest.mjs';
import { PROJECT, prepare } from './prepare.mjs';

/** What the page asks for, and who has it. */
const KERNEL = '/linux/Image';
const INITRD = '/linux/initrd.cpio';
/** What comes after the address of the page. */
export const GUEST = `?kernel=${KERNEL}&initrd=${INITRD}`;

/** Serves Debian's kernel, and an initial RAM disk with a shell that is made when it is asked for. */
function linuxGuest() {
  return {
    name: 'linux-guest',
    configurePreviewServer({ middlewares }) {
      middlewares.use(KERNEL, (_request, response) => {
        response.setHeader('content-length', statSync(kernelFile).size);
        createReadStream(kernelFile).pipe(response);
      });
      middlewares.use(INITRD, (_request, response) => response.end(busyboxInitrd()));
    },
  };
}

/** Builds the page and serves it: at that port of this computer, or the next one that is free. */
export async function serveTerminal(port) {
  // not needed before there is something installed
  const { build, preview } = await import('vite');
  const config = { configFile: join(PROJECT, 'examples', 'terminal', 'vite.config.ts'), logLevel: 'warn' };
  await build(config);
  return preview({ ...config, plugins: [linuxGuest()], preview: { port } });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  prepare();
  if (!ensureLinux()) process.exit(1);
  const server = await serveTerminal(5173);
  console.log(`Open ${server.resolvedUrls.local[0]}${GUEST}`);
}
