import { setTimeout as delay } from 'node:timers/promises';

/** Time, as far as a controller depends on it; a parameter, so that tests need not wait. */
export interface Clock {
  /** Milliseconds since the epoch, for what others read. It may jump. */
  epochMs(): number;
  /** Milliseconds since some moment, for measuring. It never jumps. */
  monotonicMs(): number;
  /** Resolves after this time, or at once when the signal is aborted; never rejects. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  epochMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (milliseconds, signal) => delay(milliseconds, undefined, signal && { signal }).catch(() => undefined),
};
