import { defineConfig } from 'vitest/config';

export default defineConfig({
  ssr: { resolve: { conditions: ['@vgic/source'] } },
  resolve: { conditions: ['@vgic/source'] },
  test: {
    testTimeout: 120_000,
    pool: 'forks',
    projects: [
      {
        extends: true,
        test: {
          name: 'sources',
          include: [
            'packages/*/test/**/*.test.ts',
            'conformance/test/**/*.test.ts',
            'guests/test/**/*.test.ts',
            'examples/test/**/*.test.ts',
          ],
        },
      },
      {
        extends: true,
        test: {
          name: 'packages',
          include: ['packaging/test/**/*.test.ts'],
          // packs and installs, only when a test of this room is run
          globalSetup: 'packaging/packed.ts',
        },
      },
    ],
  },
});
