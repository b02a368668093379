import type { Timers } from '../../src/kubernetes/timers.ts';
import { until } from '../certs/until.ts';

/** How long watches may be silent; every other wait is one before another attempt. */
export const SILENCE_MS = 130_000;

interface Waiting {
  readonly ms: number;
  readonly atMs: number;
  readonly callback: () => void;
}

/** Time that passes only when a test says so. */
export class ManualTimers implements Timers {
  #nowMs = 0;
  #waiting = new Set<Waiting>();
  /** Every wait before another attempt that was begun, in milliseconds. */
  readonly waits: number[] = [];
  randomness = 0;

  now(): number {
    return this.#nowMs;
  }

  random(): number {
    return this.randomness;
  }

  after(ms: number, callback: () => void): () => void {
    const waiting = { ms, atMs: this.#nowMs + ms, callback };
    this.#waiting.add(waiting);
    if (ms !== SILENCE_MS) this.waits.push(ms);
    return () => this.#waiting.delete(waiting);
  }

  /** Lets time pass. */
  advance(ms: number): void {
    this.#nowMs += ms;
    for (const waiting of [...this.#waiting].toSorted((a, b) => a.atMs - b.atMs)) {
      if (waiting.atMs > this.#nowMs) continue;
      this.#waiting.delete(waiting);
      waiting.callback();
    }
  }

  /** Waits for the next wait before another attempt, and lets it pass; how long it was. */
  async passWait(): Promise<number> {
    let next: Waiting | undefined;
    await until(() => {
      next = [...this.#waiting].find(({ ms }) => ms !== SILENCE_MS);
      return next;
    });
    if (next === undefined) throw new Error('nobody waits');
    this.advance(Math.max(0, next.atMs - this.#nowMs));
    return next.ms;
  }
}
