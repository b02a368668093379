import v8 from 'node:v8';
import { describe, expect, it } from 'vitest';
import { giveBackMemory } from '../../src/composition/give-back-memory.ts';

describe('memory that is not needed any more', () => {
  it('is given back, and nothing is left behind that could do so by accident', () => {
    const youngBytes = (): number =>
      v8.getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')?.space_size ?? NaN;
    // What survives makes V8 enlarge the space for young objects.
    const survivors = Array.from({ length: 500_000 }, (_, i) => ({ i, text: `survivor ${i}` }));
    const before = youngBytes();
    giveBackMemory();
    expect(youngBytes()).toBeLessThan(before / 2);
    expect(survivors.at(-1)).toEqual({ i: 499_999, text: 'survivor 499999' });
    expect('gc' in globalThis).toBe(false);
  });
});
