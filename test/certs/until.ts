import { vi } from 'vitest';

/** Resolves when the condition holds; fails the test if it never does. */
export async function until(condition: () => unknown): Promise<void> {
  await vi.waitUntil(condition, { timeout: 120_000, interval: 5 });
}
