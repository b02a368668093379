/**
 * Remembers results of pure functions for inputs seen lately. Two generations take turns: when the younger is full it
 * becomes the older, and what was in the older and not asked for since is forgotten. So memory is bounded, whatever
 * inputs come, and what is asked for often stays.
 */
export class RecentMap<Key, Value> {
  readonly #limit: number;
  #younger = new Map<Key, Value>();
  #older = new Map<Key, Value>();

  /** @param limit - how many results a generation holds; at most twice as many are remembered. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: Key): Value | undefined {
    const value = this.#younger.get(key);
    if (value !== undefined) return value;
    const old = this.#older.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: Key, value: Value): void {
    if (this.#younger.size >= this.#limit) {
      this.#older = this.#younger;
      this.#younger = new Map();
    }
    this.#younger.set(key, value);
  }
}
