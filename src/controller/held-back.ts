/** The first wait, and the longest. */
const FIRST_MS = 1_000;
const LONGEST_MS = 300_000;

/**
 * Objects about which a write was refused: each waits twice as long as before until it is tried again, with a jitter
 * (spec N4), while the others go on.
 */
export class HeldBack {
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #entries = new Map<string, { readonly refusals: number; readonly untilMs: number }>();

  /**
   * @param now - milliseconds since the epoch.
   * @param random - 0 up to 1.
   */
  constructor(now: () => number, random: () => number = Math.random) {
    this.#now = now;
    this.#random = random;
  }

  has(name: string): boolean {
    const entry = this.#entries.get(name);
    return entry !== undefined && this.#now() < entry.untilMs;
  }

  /** @returns how long it waits now, in milliseconds. */
  refused(name: string): number {
    const refusals = (this.#entries.get(name)?.refusals ?? 0) + 1;
    const wholeMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(refusals - 1, 16));
    const waitMs = Math.round(wholeMs * (0.5 + this.#random() / 2));
    this.#entries.set(name, { refusals, untilMs: this.#now() + waitMs });
    return waitMs;
  }

  /** A write about it was taken. */
  taken(name: string): void {
    this.#entries.delete(name);
  }

  /** Forgets those of other names: nothing is to be written about them any more. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#entries.keys()) if (!names.has(name)) this.#entries.delete(name);
  }

  /** When the next of them is due, in milliseconds since the epoch; Infinity if there is none. */
  nextAtMs(): number {
    return Math.min(Infinity, ...[...this.#entries.values()].map(({ untilMs }) => untilMs));
  }
}
