import { describe, expect, it } from 'vitest';
import { ClusterStore, RESOURCES } from '../../src/cluster/cluster-store.ts';

describe('the age of what is known (spec S4)', () => {
  it('is measured with the times that are given', () => {
    const store = new ClusterStore();
    expect(store.ageMs('imagecaches', 5)).toBeUndefined();
    store.heard('imagecaches', 1_000);
    expect(store.ageMs('imagecaches', 4_500)).toBe(3_500);
    expect(store.ageMs('imagecaches', 500)).toBe(0);
  });

  it('is not disturbed by a clock that jumps, given a steady one', () => {
    let steadyMs = 0;
    const store = new ClusterStore(() => steadyMs);
    const HOUR_MS = 3_600_000;
    store.heard('imagecaches', 10 * HOUR_MS);
    steadyMs = 2_000;
    for (const wallClock of [9 * HOUR_MS, 10 * HOUR_MS, 11 * HOUR_MS]) {
      expect(store.ageMs('imagecaches', wallClock)).toBe(2_000);
    }
  });
});

describe('whenSynced', () => {
  it('resolves with the last full listing, and for those who ask later', async () => {
    const store = new ClusterStore();
    let isSynced = false;
    const synced = store.whenSynced().then(() => {
      isSynced = true;
    });
    for (const resource of RESOURCES) {
      await Promise.resolve();
      expect(isSynced).toBe(false);
      store.markSynced(resource);
    }
    await synced;
    await store.whenSynced();
  });
});
