import type { Logger } from '../telemetry/logger.ts';
import { ThrottledError } from './cache-service.ts';

/** What a {@link PassLoop} runs, and how. */
export interface PassLoopOptions {
  /** One pass; gives the time of the next in milliseconds since the epoch, Infinity when only news ask for one. */
  readonly pass: () => Promise<number>;
  readonly logger: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** 0 up to 1, for the jitter of the back-off. */
  readonly random: () => number;
  /** Resolves after a time, or at once when the signal aborts. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** News come in bursts; a pass looks at all of them together. */
const SETTLE_MS = 200;
/** Even without news and without a date, things are looked at this often: nobody trusts a quiet watch for ever. */
const AT_LEAST_EVERY_MS = 5 * 60_000;
const BACK_OFF_MS = { first: 1_000, most: 60_000 } as const;

/** Runs passes one at a time: soon after news, when a date comes, and after a failure with growing pauses. */
export class PassLoop {
  readonly #options: PassLoopOptions;
  #hasNews = true;
  #wake: (() => void) | undefined;

  constructor(options: PassLoopOptions) {
    this.#options = options;
  }

  /** Something has changed: a pass comes soon. */
  readonly poke = (): void => {
    this.#hasNews = true;
    this.#wake?.();
  };

  /** Runs until the signal aborts; a pass under way is finished. Never throws for a pass that failed. */
  async run(signal: AbortSignal): Promise<void> {
    const { pass, now, wait, logger } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      this.#hasNews = false;
      let pauseMs: number;
      try {
        const nextAtMs = await pass();
        failures = 0;
        pauseMs = Math.min(AT_LEAST_EVERY_MS, Math.max(0, nextAtMs - now()));
      } catch (err) {
        // What was cut short by the end is no failure.
        if (signal.aborted) return;
        failures += 1;
        pauseMs = this.#backOffMs(failures, err);
        logger.warn({ err, retryInMs: pauseMs }, 'a pass failed and is tried again');
        await wait(pauseMs, signal);
        continue;
      }
      await this.#untilNews(pauseMs, signal);
      if (!signal.aborted && this.#hasNews) await wait(SETTLE_MS, signal);
    }
  }

  #backOffMs(failures: number, error: unknown): number {
    const growing = Math.min(BACK_OFF_MS.most, BACK_OFF_MS.first * 2 ** Math.min(failures - 1, 10));
    const leastMs = error instanceof ThrottledError ? error.retryAfterMs : 0;
    return Math.round(leastMs + growing * (0.5 + this.#options.random() / 2));
  }

  async #untilNews(pauseMs: number, signal: AbortSignal): Promise<void> {
    if (this.#hasNews) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    try {
      await this.#options.wait(pauseMs, AbortSignal.any([signal, woken.signal]));
    } finally {
      this.#wake = undefined;
    }
  }
}
