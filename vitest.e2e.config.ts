import { defineConfig } from 'vitest/config';

/** One file after another, each with a cluster of its own: started by script/test-e2e, which brings what they need. */
export default defineConfig({
  test: {
    include: ['test/e2e/**/*.e2e.ts'],
    environment: 'node',
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
