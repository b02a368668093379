/** Numbers that look random and are the same in every run (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** At least 0, less than 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, at least 0, less than `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  /** So many different items, or all of them, in random order. */
  sample<Item>(items: readonly Item[], count: number): Item[] {
    const rest = [...items];
    for (let i = 0; i < Math.min(count, rest.length); i += 1) {
      const j = i + this.below(rest.length - i);
      const swapped = rest[j]!; // j is below length
      rest[j] = rest[i]!; // i is below length
      rest[i] = swapped;
    }
    return rest.slice(0, count);
  }

  hex(digits: number): string {
    let text = '';
    while (text.length < digits) text += this.below(16).toString(16);
    return text;
  }
}

/** Picks items so that the first is twice as frequent as the second and three times as frequent as the third. */
export class Zipf<Item> {
  readonly #items: readonly Item[];
  readonly #cumulated: number[] = [];

  constructor(items: readonly Item[]) {
    this.#items = items;
    let sum = 0;
    for (let rank = 1; rank <= items.length; rank += 1) this.#cumulated.push((sum += 1 / rank));
  }

  pick(random: Random): Item {
    const at = random.next() * (this.#cumulated.at(-1) ?? 0);
    let low = 0;
    let high = this.#cumulated.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#cumulated[middle]! <= at)
        low = middle + 1; // middle is below length
      else high = middle;
    }
    return this.#items[low]!; // low is below length
  }
}
