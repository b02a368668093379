import { describe, expect, it } from 'vitest';
import { ThrottledError } from '../../src/controller/cache-service.ts';
import { PassLoop } from '../../src/controller/pass-loop.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';

/** A loop whose time passes only as it waits, and what it did. */
function loopOf(passes: readonly (() => number)[], onWait: (ms: number, poke: () => void) => void = () => undefined) {
  const log: string[] = [];
  const stop = new AbortController();
  let nowMs = 0;
  let run = 0;
  const loop: PassLoop = new PassLoop({
    pass: () => {
      log.push('pass');
      const next = passes[run];
      run += 1;
      if (run === passes.length) stop.abort();
      return new Promise((resolve) => resolve(next === undefined ? Infinity : next()));
    },
    logger: silentLogger(),
    now: () => nowMs,
    random: () => 1,
    wait: (ms, signal) => {
      if (signal.aborted) return Promise.resolve();
      onWait(ms, loop.poke);
      log.push(signal.aborted ? 'woken' : `${ms} ms`);
      if (!signal.aborted) nowMs += ms;
      return Promise.resolve();
    },
  });
  return { log, done: loop.run(stop.signal) };
}

const fail = (error: Error) => (): number => {
  throw error;
};

describe('PassLoop', () => {
  it('looks again when a pass says so, and in five minutes at the latest', async () => {
    const { log, done } = loopOf([() => 1_000, () => Infinity, () => 0]);
    await done;
    expect(log).toEqual(['pass', '1000 ms', 'pass', '300000 ms', 'pass']);
  });

  it('comes soon after news, once for a burst of them', async () => {
    let poked = false;
    const { log, done } = loopOf([() => 60_000, () => Infinity], (_ms, poke) => {
      if (poked) return;
      poked = true;
      for (let i = 0; i < 100; i += 1) poke();
    });
    await done;
    expect(log).toEqual(['pass', 'woken', '200 ms', 'pass']);
  });

  it('waits longer after each failure, and starts anew after a success', async () => {
    const broken = fail(new Error('no'));
    const { log, done } = loopOf([broken, broken, broken, () => 400_000, broken, () => 0]);
    await done;
    expect(log.filter((line) => line !== 'pass')).toEqual(['1000 ms', '2000 ms', '4000 ms', '300000 ms', '1000 ms']);
  });

  it('waits as long as a service asks for', async () => {
    const { log, done } = loopOf([fail(new ThrottledError(30_000)), () => 0]);
    await done;
    expect(log).toEqual(['pass', '31000 ms', 'pass']);
  });
});
