import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { ExitCode } from './command.ts';
import { filesBelow, MANIFEST_NAME } from './manifest-files.ts';
import { paint } from './table.ts';
import type { Terminal } from './terminal.ts';

/** What a run ended with, and the files and folders it looked at. */
export interface WatchedRun {
  readonly code: ExitCode;
  readonly paths: readonly string[];
}

/** Empties the screen and what was scrolled out of it. */
const CLEAR = '\u001b[2J\u001b[3J\u001b[H';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Runs again whenever something that the last run looked at changes, until the program is asked to end (Ctrl-C).
 *
 * @param paths - what is looked at besides.
 * @param run - one run; it prints by itself, also what a user can mend.
 * @returns the exit code of the last run that ended.
 */
export async function watch(
  paths: readonly string[],
  run: () => Promise<WatchedRun>,
  terminal: Terminal,
): Promise<ExitCode> {
  const interrupt = new AbortController();
  const stop = (): void => interrupt.abort();
  for (const signal of SIGNALS) process.once(signal, stop);
  const stopped = new Promise<undefined>((resolve) => {
    interrupt.signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  let code: ExitCode = 0;
  let seen = await look(paths);
  try {
    for (;;) {
      if (terminal.interactive) terminal.out(CLEAR);
      const ended = await Promise.race([run(), stopped]);
      if (ended === undefined) return code;
      code = ended.code;
      if (terminal.interactive) {
        terminal.err(`${paint('Watching for changes; Ctrl-C ends.', 'dim', terminal.colour.err)}\n`);
      }
      const looked = [...new Set([...paths, ...ended.paths])];
      const next = await nextLook(looked, seen, interrupt.signal);
      if (next === undefined) return code;
      seen = next;
      if (!terminal.interactive) terminal.out('\n');
    }
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
  }
}

/** Between two looks; looking at very many files takes longer, and then so does the pause. */
const PAUSE_MS = 200;
const PAUSE_PER_LOOK = 5;

export interface Look {
  /** Unix time in milliseconds before anything was looked at. */
  readonly sinceMs: number;
  /** What stands for the content of each file and folder. */
  readonly states: ReadonlyMap<string, string>;
}

/** File systems date changes by a clock that ticks up to a hundredth of a second late. */
const CLOCK_TICK_MS = 20;

/**
 * Waits until something looks different, and then until it looks the same twice: an editor may be in the middle.
 *
 * @param before - what was seen before the last run: what has changed during it counts as well.
 * @returns `undefined` when the wait was interrupted.
 */
export async function nextLook(paths: readonly string[], before: Look, signal: AbortSignal): Promise<Look | undefined> {
  let last = await look(paths);
  let hasChanged = await changedDuringRun(before, last);
  for (;;) {
    const startMs = performance.now();
    const now = await look(paths);
    const isSame =
      now.states.size === last.states.size && [...now.states].every(([file, state]) => last.states.get(file) === state);
    if (isSame && hasChanged) return now;
    hasChanged ||= !isSame;
    last = now;
    const pauseMs = Math.max(PAUSE_MS, PAUSE_PER_LOOK * (performance.now() - startMs));
    try {
      await setTimeout(pauseMs, undefined, { signal });
    } catch {
      return undefined;
    }
  }
}

/** What only the run has named was not looked at before it: there the file system knows when it changed. */
async function changedDuringRun(before: Look, after: Look): Promise<boolean> {
  for (const [path, state] of after.states) {
    const known = before.states.get(path);
    if (known === undefined ? await hasChangedSince(path, before.sinceMs) : known !== state) return true;
  }
  return false;
}

async function hasChangedSince(path: string, sinceMs: number): Promise<boolean> {
  // Where there is nothing (any more), its folder changed when it went.
  const state = await stat(path).catch(() => stat(dirname(path)).catch(() => undefined));
  return state !== undefined && state.ctimeMs >= sinceMs - CLOCK_TICK_MS;
}

/** Looks at files, and at the manifests below folders. */
export async function look(paths: readonly string[]): Promise<Look> {
  const sinceMs = Date.now();
  const states = new Map<string, string>();
  for (const path of paths) {
    const state = await stat(path).catch(() => undefined);
    const isFolder = state?.isDirectory() === true;
    const files = isFolder ? await filesBelow(path, MANIFEST_NAME).catch(() => []) : [path];
    // So that a file that comes or goes is noticed between two looks that know different folders.
    if (isFolder) states.set(path, files.join('\n'));
    for (const file of files) {
      const { mtimeMs = 0, size = 0, ino = 0 } = (await stat(file).catch(() => undefined)) ?? {};
      states.set(file, `${mtimeMs} ${size} ${ino}`);
    }
  }
  return { sinceMs, states };
}
