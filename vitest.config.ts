import { defineConfig } from 'vitest/config';

export default defineConfig({
  ssr: { resolve: { conditions: ['@vgic/source'] } },
  resolve: { conditions: ['@vgic/source'] },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'conformance/test/**/*.test.ts', 'guests/test/**/*.test.ts'],
    testTimeout: 120_000,
    pool: 'forks',
  },
});
