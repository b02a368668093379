import type { Clock } from './clock.ts';
import type { Leadership } from './leader-election.ts';
import type { LeaderTask } from './leader-tasks.ts';

export interface ReconcileTaskOptions {
  readonly name: string;
  /** Brings things in order; `mayAct` is to be asked before each write. Never more than one at a time. */
  readonly reconcile: (mayAct: () => boolean) => Promise<void>;
  /** Calls back at every change worth a look, from now until what it returns is called. */
  readonly follow?: (changed: () => void) => () => Promise<void>;
  /** How long it waits at most before it looks again by itself. */
  readonly intervalMs: number;
  readonly clock: Clock;
}

/** Looks at the start, after every change, and now and then: news can get lost. */
export function reconcileTask(options: ReconcileTaskOptions): LeaderTask {
  return { name: options.name, run: (leadership) => reconcileUntilEnd(options, leadership) };
}

async function reconcileUntilEnd(options: ReconcileTaskOptions, { signal, isHeld }: Leadership): Promise<void> {
  const { reconcile, follow, intervalMs, clock } = options;
  let wake = new AbortController();
  const unfollow = follow?.(() => wake.abort());
  try {
    while (!signal.aborted) {
      // What changes while we look is looked at afterwards.
      wake = new AbortController();
      await reconcile(() => !signal.aborted && isHeld());
      await clock.sleep(intervalMs, AbortSignal.any([signal, wake.signal]));
    }
  } finally {
    await unfollow?.();
  }
}
