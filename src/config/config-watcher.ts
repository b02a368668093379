import { type FSWatcher, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type ConfigRequest, type HotSettings, type LoadedConfig, loadConfig, unreadableFile } from './config.ts';
import { ConfigError } from './config-error.ts';
import { SETTING_KEYS, SETTINGS, type SettingKey, type SettingValues } from './definitions.ts';

/** Who wants to know about a settings file that changed. */
export interface ConfigListener {
  /** New settings that count from now on. */
  changed(settings: HotSettings): void;
  /** The file cannot be used as it is now; the settings in force stay. Told once for each broken content. */
  invalid(error: ConfigError): void;
  /** These settings differ from those the program was started with, and count only after a restart. */
  needsRestart(keys: readonly SettingKey[]): void;
}

/** How often to look; the defaults suit a server. */
export interface ConfigWatcherTiming {
  /** A content counts once it has been the same for this long: a file may be seen half written. */
  readonly settleMs?: number;
  /** The file is read this often even if no change is reported: not every file system reports all. */
  readonly pollMs?: number;
}

/**
 * Watches the settings file, and the folder it is in: a mounted ConfigMap changes by swapping a symbolic link there,
 * of which a watch on the file itself would never hear. Flags and environment keep their places above the file.
 */
export class ConfigWatcher {
  readonly #request: ConfigRequest;
  readonly #file: string;
  readonly #started: LoadedConfig;
  readonly #listener: ConfigListener;
  readonly #settleMs: number;
  readonly #pollMs: number;
  #current: HotSettings;
  #pending: Partial<SettingValues> = {};
  /** What the settings in force, or the last complaint, come from. */
  #handled: Reading | undefined;
  /** What was read last; it counts if the next reading is the same. */
  #candidate: Reading | undefined;
  #reading = false;
  #stopped = false;
  #folder: FSWatcher | undefined;
  #settleTimer: NodeJS.Timeout | undefined;
  #pollTimer: NodeJS.Timeout | undefined;

  /** @param started - what `loadConfig(request)` gave when the program started. */
  constructor(
    request: ConfigRequest & { readonly file: string },
    started: LoadedConfig,
    listener: ConfigListener,
    { settleMs = 100, pollMs = 2000 }: ConfigWatcherTiming = {},
  ) {
    this.#request = request;
    this.#file = request.file;
    this.#started = started;
    this.#listener = listener;
    this.#settleMs = settleMs;
    this.#pollMs = pollMs;
    this.#current = hotSettings(started);
  }

  /** Starts watching; what changed since the settings were loaded is noticed too. Keeps no process alive. */
  start(): void {
    this.#folder = this.#watchFolder();
    this.#pollTimer = setInterval(() => void this.#look(), this.#pollMs).unref();
    this.#lookSoon();
  }

  /** Stops watching; the listener hears nothing more. Safe to call twice. */
  stop(): void {
    this.#stopped = true;
    this.#folder?.close();
    clearInterval(this.#pollTimer);
    clearTimeout(this.#settleTimer);
  }

  #watchFolder(): FSWatcher | undefined {
    try {
      const watcher = watch(dirname(this.#file), { persistent: false }, () => this.#lookSoon());
      watcher.on('error', () => watcher.close());
      return watcher;
    } catch {
      // No folder, or no watch left to give out: reading the file every now and then finds changes too.
      return undefined;
    }
  }

  /** Further events do not move the timer, so that a busy folder cannot put off the look for ever. */
  #lookSoon(): void {
    if (this.#stopped) return;
    this.#settleTimer ??= setTimeout(() => {
      this.#settleTimer = undefined;
      void this.#look();
    }, this.#settleMs).unref();
  }

  async #look(): Promise<void> {
    if (this.#reading) {
      this.#lookSoon();
      return;
    }
    this.#reading = true;
    const reading = await read(this.#file);
    this.#reading = false;
    if (this.#stopped) return;
    if (isDeepStrictEqual(reading, this.#handled)) {
      this.#candidate = undefined;
    } else if (isDeepStrictEqual(reading, this.#candidate)) {
      this.#candidate = undefined;
      this.#handled = reading;
      this.#take(reading);
    } else {
      this.#candidate = reading;
      this.#lookSoon();
    }
  }

  #take(reading: Reading): void {
    let loaded: LoadedConfig;
    try {
      if (reading.text === undefined) throw unreadableFile(this.#file, reading.failure);
      loaded = loadConfig({ ...this.#request, fileText: reading.text });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.#listener.invalid(error);
      return;
    }
    const settings = hotSettings(loaded);
    if (!isDeepStrictEqual(settings, this.#current)) {
      this.#current = settings;
      this.#listener.changed(settings);
    }
    const pending = changedAtRestart(this.#started.values, loaded.values);
    if (!isDeepStrictEqual(pending, this.#pending)) {
      this.#pending = pending;
      const keys = SETTING_KEYS.filter((key) => key in pending);
      if (keys.length > 0) this.#listener.needsRestart(keys);
    }
  }
}

interface Reading {
  readonly text?: string;
  readonly failure?: unknown;
}

async function read(file: string): Promise<Reading> {
  try {
    return { text: await readFile(file, 'utf8') };
  } catch (failure) {
    return { failure };
  }
}

function hotSettings({
  config: { decision, autoCreate, simulateBuildMs, drainSeconds, logLevel },
}: LoadedConfig): HotSettings {
  return Object.freeze({ decision, autoCreate, simulateBuildMs, drainSeconds, logLevel });
}

function changedAtRestart(started: SettingValues, now: SettingValues): Partial<SettingValues> {
  const keys = SETTING_KEYS.filter((key) => SETTINGS[key].applies === 'restart' && started[key] !== now[key]);
  return Object.fromEntries(keys.map((key) => [key, now[key]]));
}
