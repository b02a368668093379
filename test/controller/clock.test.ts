import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/controller/clock.ts';

describe('systemClock', () => {
  it('sleeps until its time is over', async () => {
    const before = systemClock.monotonicMs();
    await systemClock.sleep(20);
    // Timers may ring a millisecond early by this clock.
    expect(systemClock.monotonicMs() - before).toBeGreaterThanOrEqual(19);
  });

  it('wakes at once when the signal is aborted, before or while it sleeps', async () => {
    const ending = new AbortController();
    const sleeping = systemClock.sleep(2 ** 30, ending.signal);
    ending.abort();
    await expect(sleeping).resolves.toBeUndefined();
    await expect(systemClock.sleep(2 ** 30, ending.signal)).resolves.toBeUndefined();
  });

  it('tells the time of day', () => {
    expect(Math.abs(systemClock.epochMs() - Date.now())).toBeLessThan(10_000);
  });
});
