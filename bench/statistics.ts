/** Durations of single events, in the order they happened. */
export class Durations {
  readonly #values: Float64Array;
  #count = 0;

  /** @param capacity - what comes after so many is not kept. */
  constructor(capacity: number) {
    this.#values = new Float64Array(capacity);
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === this.#values.length;
  }

  add(value: number): void {
    if (this.#count < this.#values.length) this.#values[this.#count++] = value;
  }

  sorted(): Float64Array {
    return this.#values.subarray(0, this.#count).toSorted();
  }
}

/**
 * The value that this part of all values does not exceed (nearest rank), so one that was really seen.
 *
 * @param sorted - ascending.
 * @param part - from 0 to 1.
 * @returns NaN without values.
 */
export function percentile(sorted: ArrayLike<number>, part: number): number {
  const rank = Math.max(1, Math.ceil(sorted.length * part));
  return sorted[rank - 1] ?? NaN;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >>> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** Smallest and largest value. */
export function spread(values: readonly number[]): readonly [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

/**
 * Times single actions of microseconds. Where the system gave the processor to others meanwhile (an involuntary context
 * switch), the processor time used counts instead of the time passed: it is the action we ask about, not its neighbours.
 */
export class Stopwatch {
  /** What start and stop show by themselves, in milliseconds; taken off every time. */
  readonly overheadMs: number;
  #startMs = 0;
  #usage = process.resourceUsage();

  constructor() {
    this.overheadMs = 0;
    this.#calibrate();
    this.overheadMs = Math.min(this.#calibrate(), this.#calibrate());
  }

  start(): void {
    this.#usage = process.resourceUsage();
    this.#startMs = performance.now();
  }

  /** @returns milliseconds since the start. */
  stop(): number {
    const passedMs = performance.now() - this.#startMs - this.overheadMs;
    const before = this.#usage;
    const after = process.resourceUsage();
    if (after.involuntaryContextSwitches === before.involuntaryContextSwitches) return passedMs;
    const usedUs = after.userCPUTime - before.userCPUTime + after.systemCPUTime - before.systemCPUTime;
    return Math.min(passedMs, usedUs / 1000);
  }

  #calibrate(): number {
    const durations = new Durations(20_000);
    while (!durations.isFull) {
      this.start();
      durations.add(this.stop());
    }
    return percentile(durations.sorted(), 0.5);
  }
}
