import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from './clock.ts';
import type { Leadership } from './leader-election.ts';

/** Work that only the leader does. */
export interface LeaderTask {
  /** For logs. */
  readonly name: string;
  /** Works until the signal is aborted; may fail and is then started again. */
  run(leadership: Leadership): Promise<void>;
}

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/** Runs tasks side by side until leading ends. One that fails is started again, later each time, and disturbs no other. */
export async function runLeaderTasks(
  tasks: readonly LeaderTask[],
  leadership: Leadership,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<void> {
  await Promise.all(tasks.map((task) => keepRunning(task, leadership, clock, logger)));
}

async function keepRunning(task: LeaderTask, leadership: Leadership, clock: Clock, logger: Logger): Promise<void> {
  const { signal } = leadership;
  for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      await task.run(leadership);
      if (signal.aborted) return;
      logger.error({ task: task.name, pauseMs }, 'a task of the leader ended too early, it is started again');
    } catch (err) {
      if (signal.aborted) return;
      logger.error({ task: task.name, err, pauseMs }, 'a task of the leader failed, it is started again');
    }
    await clock.sleep(pauseMs, signal);
  }
}
