import { setTimeout as pause } from 'node:timers/promises';

const TIMEOUT_MS = 90_000;

/** There is nothing to wait for any more. */
export class HopelessError extends Error {}

/**
 * Asks until the answer is good, and gives it back.
 *
 * @param what - reads as "waited for ..." when it never is
 * @param ask - undefined, null, false or an error: not yet; a HopelessError ends the waiting
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  { timeoutMs = TIMEOUT_MS, intervalMs = 50 } = {},
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== null && answer !== false) return answer;
      last = answer;
    } catch (error) {
      if (error instanceof HopelessError) throw error;
      last = error;
    }
    if (performance.now() > deadlineMs) {
      const seen = last instanceof Error ? last.message : String(last);
      throw new Error(`waited ${timeoutMs / 1000} s in vain for ${what}; last seen: ${seen}`, { cause: last });
    }
    await pause(intervalMs);
  }
}
