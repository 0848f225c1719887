import { fileURLToPath } from 'node:url';
import { defaultClientConditions, defineConfig } from 'vite';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  // what is not there is an error, not the page once more
  appType: 'mpa',
  build: { outDir: '../dist/terminal', emptyOutDir: true, chunkSizeWarningLimit: 1000 },
  worker: { format: 'es' },
  // in this checkout the packages are taken from their sources; who has installed them leaves this out
  resolve: { conditions: ['@vgic/source', ...defaultClientConditions] },
});
