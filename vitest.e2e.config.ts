import { defineConfig } from 'vitest/config';
import type { TestSpecification } from 'vitest/node';
import { BaseSequencer } from 'vitest/node';

/** Those that wait longest; begun first, they do not end last. */
const LONGEST = ['certificates', 'silent-watch', 'restarts', 'definition', 'outages'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const index = LONGEST.findIndex((name) => moduleId.endsWith(`/${name}.e2e.ts`));
      return index === -1 ? LONGEST.length : index;
    };
    return files.toSorted((one, other) => place(one) - place(other));
  }
}

/** Two files at a time, each with a cluster of its own. Started by script/test-e2e, which brings what they need. */
export default defineConfig({
  test: {
    include: ['test/e2e/**/*.e2e.ts'],
    environment: 'node',
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
