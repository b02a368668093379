import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../src/controller/clock.ts';

interface Timer {
  readonly dueMs: number;
  readonly owner: SimulatedClock;
  readonly ring: () => void;
}

/** Time that passes only when it is told to, for any number of processes at once. */
export class SimulatedTime {
  nowMs = 0;
  readonly #timers = new Set<Timer>();

  /** The clock of one process. */
  clock(epochMs = Date.parse('2026-03-01T12:00:00Z')): SimulatedClock {
    return new SimulatedClock(this, epochMs);
  }

  /** Lets so much time pass; everything that is due happens in its order. */
  async pass(milliseconds: number): Promise<void> {
    const endMs = this.nowMs + milliseconds;
    await settle();
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.nowMs = Math.max(this.nowMs, next.dueMs);
      this.#timers.delete(next);
      next.ring();
      await settle();
    }
    this.nowMs = endMs;
  }

  sleep(milliseconds: number, owner: SimulatedClock, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const stop = (): void => {
        this.#timers.delete(timer);
        resolve();
      };
      const ring = (): void => {
        signal?.removeEventListener('abort', stop);
        resolve();
      };
      const timer: Timer = { dueMs: this.nowMs + milliseconds, owner, ring };
      this.#timers.add(timer);
      signal?.addEventListener('abort', stop, { once: true });
    });
  }

  #next(endMs: number): Timer | undefined {
    return [...this.#timers]
      .filter(({ dueMs, owner }) => dueMs <= endMs && !owner.isPaused)
      .toSorted((a, b) => a.dueMs - b.dueMs)[0];
  }
}

/** A clock whose reading for people can be moved, and whose process can be paused: its timers then ring later. */
export class SimulatedClock implements Clock {
  isPaused = false;
  readonly #time: SimulatedTime;
  #epochMs: number;

  constructor(time: SimulatedTime, epochMs: number) {
    this.#time = time;
    this.#epochMs = epochMs;
  }

  /** Somebody sets the clock. */
  jump(milliseconds: number): void {
    this.#epochMs += milliseconds;
  }

  epochMs(): number {
    return this.#epochMs + this.#time.nowMs;
  }

  monotonicMs(): number {
    return this.#time.nowMs;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return this.#time.sleep(milliseconds, this, signal);
  }
}

/** Lets every promise that can go on do so. */
async function settle(): Promise<void> {
  await setImmediate();
}
