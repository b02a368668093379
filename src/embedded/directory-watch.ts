import type { FSWatcher } from 'node:fs';
import { watch } from 'node:fs';

/** Files are read this long after the last sign of a change: who writes them does so in several steps. */
const SETTLE_MS = 30;

/**
 * Tells when something may have changed in a set of directories. Directories are watched, not files: a watched file
 * goes deaf when another is renamed over it, as editors and the `..data` link of a mounted ConfigMap do.
 * What a watch misses (network file systems, links to elsewhere) is left to the time limit of {@link next}.
 */
export class DirectoryWatch {
  readonly #onUnwatchable: (path: string, error: unknown) => void;
  readonly #watchers = new Map<string, { readonly identity: string; readonly watcher: FSWatcher | undefined }>();
  #isChanged = false;
  #isClosed = false;
  #wake: (() => void) | undefined;
  #limit: NodeJS.Timeout | undefined;
  #settle: NodeJS.Timeout | undefined;

  /** @param onUnwatchable - told once about every directory that cannot be watched, for lack of watches for instance. */
  constructor(onUnwatchable: (path: string, error: unknown) => void) {
    this.#onUnwatchable = onUnwatchable;
  }

  /**
   * Watches these directories and no others. A directory that is new here counts as changed: something may have
   * happened in it between the time it was read and now.
   *
   * @param directories - identity by path; a new identity means another directory stands there now.
   */
  follow(directories: ReadonlyMap<string, string>): void {
    if (this.#isClosed) return;
    for (const [path, { identity, watcher }] of this.#watchers) {
      if (directories.get(path) === identity) continue;
      watcher?.close();
      this.#watchers.delete(path);
    }
    for (const [path, identity] of directories) {
      if (this.#watchers.has(path)) continue;
      this.#watchers.set(path, { identity, watcher: this.#open(path) });
      this.#changed();
    }
  }

  /** Resolves when something has changed since the last call and has come to rest, or after `limitMs`, or when closed. */
  next(limitMs: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#limit = setTimeout(() => this.#resume(), limitMs).unref();
      if (this.#isChanged) this.#changed();
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const { watcher } of this.#watchers.values()) watcher?.close();
    this.#watchers.clear();
    this.#resume();
  }

  #open(path: string): FSWatcher | undefined {
    try {
      const watcher = watch(path, { persistent: false }, () => this.#changed());
      watcher.on('error', () => {
        watcher.close();
        if (this.#watchers.get(path)?.watcher === watcher) this.#watchers.delete(path);
        this.#changed();
      });
      return watcher;
    } catch (error) {
      this.#onUnwatchable(path, error);
      return undefined;
    }
  }

  #changed(): void {
    this.#isChanged = true;
    if (this.#wake === undefined) return;
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => this.#resume(), SETTLE_MS).unref();
  }

  #resume(): void {
    clearTimeout(this.#settle);
    clearTimeout(this.#limit);
    this.#isChanged = false;
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
