import type { HotSettings } from '../config/config.ts';

/** The settings in force, for whoever has to act when they change. */
export class CurrentSettings {
  readonly #listeners = new Set<() => void>();
  #settings: HotSettings;

  constructor(settings: HotSettings) {
    this.#settings = settings;
  }

  readonly now = (): HotSettings => this.#settings;

  change(settings: HotSettings): void {
    this.#settings = settings;
    for (const listener of this.#listeners) listener();
  }

  /** @returns what ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
