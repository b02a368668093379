import { describe, expect, it } from 'vitest';
import type { Leadership } from '../../src/controller/leader-election.ts';
import { type LeaderTask, runLeaderTasks } from '../../src/controller/leader-tasks.ts';
import { reconcileTask } from '../../src/controller/reconcile-task.ts';
import { RecordingLogger } from '../telemetry/recording-logger.ts';
import { SimulatedTime } from './simulated-time.ts';

describe('runLeaderTasks', () => {
  it('runs all side by side until leading ends', async () => {
    const { time, run, end } = aTerm();
    const running: string[] = [];
    const done = run(...['one', 'two'].map((name) => aTask(name, running)));
    await time.pass(0);
    expect(running).toEqual(['one', 'two']);
    end();
    await done;
    expect(running).toEqual([]);
  });

  it('starts a task again that fails or ends, later each time, and disturbs no other', async () => {
    const { time, run, end, logger } = aTerm();
    const starts: number[] = [];
    const running: string[] = [];
    const failing: LeaderTask = {
      name: 'failing',
      run: () => {
        starts.push(time.nowMs);
        return starts.length === 2 ? Promise.resolve() : Promise.reject(new Error('no luck'));
      },
    };
    const done = run(failing, aTask('steady', running));
    await time.pass(200_000);
    expect(starts).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183].map((seconds) => seconds * 1000));
    expect(running).toEqual(['steady']);
    expect(logger.of('a task of the leader failed, it is started again')[0]?.fields).toMatchObject({
      task: 'failing',
      pauseMs: 1_000,
    });
    end();
    await done;
  });
});

describe('reconcileTask', () => {
  it('looks at the start, after every change and now and then, one look at a time', async () => {
    const { time, run, end } = aTerm();
    const looks: number[] = [];
    let change = (): void => {};
    let isFollowing = false;
    let active = 0;
    const done = run(
      reconcileTask({
        name: 'looks',
        intervalMs: 30_000,
        clock: time.clock(),
        follow: (changed) => {
          change = changed;
          isFollowing = true;
          return () => {
            isFollowing = false;
            return Promise.resolve();
          };
        },
        reconcile: async () => {
          active++;
          looks.push(time.nowMs);
          await time.clock().sleep(1_000);
          expect(active).toBe(1);
          active--;
        },
      }),
    );
    await time.pass(500);
    // These come while it looks: they are one look more.
    change();
    change();
    await time.pass(40_000);
    expect(looks).toEqual([0, 1_000, 32_000]);
    change();
    await time.pass(10);
    expect(looks).toEqual([0, 1_000, 32_000, 40_500]);
    end();
    await time.pass(1_000);
    await done;
    expect(isFollowing).toBe(false);
  });

  it('may act only as long as leading is held', async () => {
    const { time, run, end, leadership } = aTerm();
    let mayAct = (): boolean => false;
    const done = run(
      reconcileTask({
        name: 'asks',
        intervalMs: 1_000,
        clock: time.clock(),
        reconcile: (asked) => {
          mayAct = asked;
          return Promise.resolve();
        },
      }),
    );
    await time.pass(0);
    expect(mayAct()).toBe(true);
    leadership.held = false;
    expect(mayAct()).toBe(false);
    leadership.held = true;
    end();
    expect(mayAct()).toBe(false);
    await done;
  });
});

function aTerm() {
  const time = new SimulatedTime();
  const logger = new RecordingLogger();
  const ending = new AbortController();
  const leadership = { held: true };
  const term: Leadership = { signal: ending.signal, isHeld: () => leadership.held };
  return {
    time,
    logger,
    leadership,
    end: () => ending.abort(),
    run: (...tasks: LeaderTask[]) => runLeaderTasks(tasks, term, { clock: time.clock(), logger }),
  };
}

function aTask(name: string, running: string[]): LeaderTask {
  return {
    name,
    run: async ({ signal }) => {
      running.push(name);
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve);
      });
      running.splice(running.indexOf(name), 1);
    },
  };
}
