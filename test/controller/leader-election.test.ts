import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Leadership } from '../../src/controller/leader-election.ts';
import {
  LEASE_DURATION_MS,
  LeaderElection,
  RENEW_DEADLINE_MS,
  RETRY_PERIOD_MS,
} from '../../src/controller/leader-election.ts';
import { RecordingLogger } from '../telemetry/recording-logger.ts';
import { type Connection, MemoryLease, type MemoryLeaseLock } from './memory-lease.ts';
import { type SimulatedClock, SimulatedTime } from './simulated-time.ts';

/** Those who wait look at least this often. */
const LONGEST_WAIT_MS = RETRY_PERIOD_MS * 2.2;

describe('LeaderElection', () => {
  it('takes a Lease that is not there, and says in it who, when and for how long', async () => {
    const world = new World();
    const a = world.start('a');
    await world.time.pass(0);
    expect(a.election.isLeader()).toBe(true);
    expect(world.memory.lease).toMatchObject({
      holder: 'a',
      durationSeconds: 15,
      acquiredAt: new Date('2026-03-01T12:00:00Z'),
      renewedAt: new Date('2026-03-01T12:00:00Z'),
      transitions: 0,
    });
  });

  it('renews every two seconds with one request, and keeps the time it was acquired', async () => {
    const world = new World();
    const a = world.start('a');
    await world.time.pass(20_000);
    expect(world.memory.lease).toMatchObject({
      acquiredAt: new Date('2026-03-01T12:00:00Z'),
      renewedAt: new Date('2026-03-01T12:00:20Z'),
      transitions: 0,
    });
    expect(a.lock.requests).toBe(2 + 10);
  });

  it('keeps others waiting while it renews, whatever their clocks say', async () => {
    const world = new World();
    const a = world.start('a');
    await world.time.pass(0);
    const b = world.start('b', { epochMs: Date.parse('2031-01-01T00:00:00Z') });
    for (let minute = 0; minute < 10; minute++) {
      a.clock.jump(-3_600_000);
      b.clock.jump(7_200_000);
      await world.time.pass(60_000);
      expect([a.election.isLeader(), b.election.isLeader()]).toEqual([true, false]);
    }
    expect(b.election.holder()).toBe('a');
  });

  it('lets another take over when the leader dies, after the time the Lease says and no sooner', async () => {
    const world = new World();
    const a = world.start('a');
    const b = world.start('b');
    await world.time.pass(10_000);
    a.clock.isPaused = true;
    await world.time.pass(LEASE_DURATION_MS - RETRY_PERIOD_MS);
    expect(b.election.isLeader()).toBe(false);
    await world.time.pass(LONGEST_WAIT_MS + 2 * RETRY_PERIOD_MS);
    expect(b.election.isLeader()).toBe(true);
    expect(world.memory.lease).toMatchObject({ holder: 'b', transitions: 1 });
  });

  it('believes the holder about the length of the Lease, not itself', async () => {
    const world = new World();
    const times = { acquiredAt: new Date(0), renewedAt: new Date(0), transitions: 3 };
    world.memory.write(undefined, { holder: 'other', durationSeconds: 60, ...times });
    const a = world.start('a');
    await world.time.pass(59_000);
    expect(a.election.isLeader()).toBe(false);
    await world.time.pass(LONGEST_WAIT_MS + 1_000);
    expect(world.memory.lease).toMatchObject({ holder: 'a', durationSeconds: 15, transitions: 4 });
  });

  it('gives the Lease back at the stop, after its work has ended, and another takes it at once', async () => {
    const world = new World();
    const a = world.start('a');
    const b = world.start('b');
    await world.time.pass(1_000);
    let isLeaderAtTheEnd: string | undefined;
    a.atTheEnd = () => {
      isLeaderAtTheEnd = world.memory.lease?.holder;
    };
    await a.election.stop();
    expect(isLeaderAtTheEnd).toBe('a');
    expect(a.election.isLeader()).toBe(false);
    expect(world.memory.lease).toMatchObject({ holder: '', durationSeconds: 1, transitions: 0 });
    await world.time.pass(LONGEST_WAIT_MS);
    expect(b.election.isLeader()).toBe(true);
    await a.election.stop();
  });

  it.each<Connection>(['refused', 'silent', 'answers lost'])(
    'stops its work before others can begin when the API server is %s',
    async (connection) => {
      const world = new World();
      const a = world.start('a');
      const b = world.start('b');
      await world.time.pass(3_000);
      a.lock.connection = connection;
      await world.time.pass(RENEW_DEADLINE_MS + RETRY_PERIOD_MS);
      expect([a.isWorking, a.election.isLeader()]).toEqual([false, false]);
      expect(a.election.problem()).toMatch(/nothing listens|not answered in time/);
      await world.time.pass(LEASE_DURATION_MS + LONGEST_WAIT_MS);
      expect(b.election.isLeader()).toBe(true);
      a.lock.connection = 'good';
      await world.time.pass(60_000);
      expect(a.election.problem()).toBeUndefined();
      expect([a.election.isLeader(), b.election.isLeader()]).toEqual([false, true]);
    },
  );

  it('survives a short failure without anybody noticing, and logs it once', async () => {
    const world = new World();
    const a = world.start('a');
    await world.time.pass(1_000);
    a.lock.connection = 'refused';
    await world.time.pass(RENEW_DEADLINE_MS - 2 * RETRY_PERIOD_MS);
    a.lock.connection = 'good';
    await world.time.pass(60_000);
    expect([a.isWorking, a.terms]).toEqual([true, 1]);
    expect(a.logger.of('the Lease cannot be read or written')).toHaveLength(1);
  });

  it('knows after a pause of the whole process that it may not write any more', async () => {
    const world = new World();
    const a = world.start('a');
    const b = world.start('b');
    await world.time.pass(3_000);
    a.clock.isPaused = true;
    await world.time.pass(40_000);
    expect(b.election.isLeader()).toBe(true);
    // Before any of its timers has rung:
    expect(a.leadership?.isHeld()).toBe(false);
    a.clock.isPaused = false;
    await world.time.pass(1_000);
    expect([a.isWorking, a.election.isLeader()]).toEqual([false, false]);
  });

  it('gives up at once when somebody else has taken the Lease by force', async () => {
    const world = new World();
    const a = world.start('a');
    await world.time.pass(3_000);
    const { lease } = world.memory;
    if (lease !== undefined) world.memory.write(lease.resourceVersion, { ...lease, holder: 'admin' });
    await world.time.pass(RETRY_PERIOD_MS);
    expect([a.isWorking, a.election.holder()]).toEqual([false, 'admin']);
  });

  it('makes a Lease anew that was deleted', async () => {
    const world = new World();
    const a = world.start('a');
    await world.time.pass(3_000);
    world.memory.lease = undefined;
    await world.time.pass(RETRY_PERIOD_MS);
    expect([a.terms, world.memory.lease]).toMatchObject([1, { holder: 'a' }]);
  });

  it.each<Connection>(['silent', 'answers lost'])('stops soon though the API server is %s', async (connection) => {
    const world = new World();
    const a = world.start('a');
    const b = world.start('b');
    await world.time.pass(2_500);
    for (const process of [a, b]) process.lock.connection = connection;
    await world.time.pass(2_000);
    let stopped = 0;
    for (const { election } of [a, b]) {
      void election.stop().then(() => {
        stopped++;
      });
    }
    await world.time.pass(5_000);
    expect(stopped).toBe(2);
  });

  it('has one leader at most at any moment, and one again when all is well', async () => {
    const processes = ['a', 'b', 'c'] as const;
    const event = fc.record({
      process: fc.constantFrom(...processes),
      what: fc.oneof(
        fc.constantFrom<Connection[]>('good', 'refused', 'silent', 'answers lost'),
        fc.constantFrom('pause', 'resume', 'kill', 'stop', 'clock'),
      ),
      thenMs: fc.integer({ min: 0, max: 30_000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 25 }), async (events) => {
        const world = new World();
        for (const name of processes) world.start(name);
        const watch = async (milliseconds: number): Promise<void> => {
          for (let passed = 0; passed < milliseconds; passed += 500) {
            await world.time.pass(Math.min(500, milliseconds - passed));
            const holding = world.running.filter(({ leadership }) => leadership?.isHeld() === true);
            expect(holding.length).toBeLessThanOrEqual(1);
          }
        };
        for (const { process, what, thenMs } of events) {
          await world.act(process, what);
          await watch(thenMs);
        }
        for (const name of processes) await world.act(name, 'resume');
        await watch(LEASE_DURATION_MS + RENEW_DEADLINE_MS + 3 * LONGEST_WAIT_MS);
        expect(world.running.filter(({ isWorking }) => isWorking)).toHaveLength(1);
      }),
      { numRuns: 30 },
    );
  });
});

class Process {
  readonly election: LeaderElection;
  readonly clock: SimulatedClock;
  readonly lock: MemoryLeaseLock;
  readonly logger = new RecordingLogger();
  leadership: Leadership | undefined;
  isWorking = false;
  terms = 0;
  atTheEnd = (): void => {};

  constructor(identity: string, clock: SimulatedClock, lock: MemoryLeaseLock) {
    this.clock = clock;
    this.lock = lock;
    this.election = new LeaderElection({
      lock,
      identity,
      clock,
      logger: this.logger,
      lead: async (leadership) => {
        this.leadership = leadership;
        this.isWorking = true;
        this.terms++;
        await new Promise((resolve) => {
          leadership.signal.addEventListener('abort', resolve);
        });
        this.atTheEnd();
        this.isWorking = false;
        this.leadership = undefined;
      },
    });
  }
}

class World {
  readonly time = new SimulatedTime();
  readonly memory = new MemoryLease();
  readonly #processes = new Map<string, Process>();
  #restarts = 0;

  get running(): readonly Process[] {
    return [...this.#processes.values()];
  }

  start(name: string, { epochMs }: { epochMs?: number } = {}, identity = name): Process {
    const process = new Process(identity, this.time.clock(epochMs), this.memory.connect());
    this.#processes.set(name, process);
    process.election.start();
    return process;
  }

  /** Does something to a process; one that was killed or stopped is replaced by a new one. */
  async act(name: string, what: string): Promise<void> {
    const process = this.#processes.get(name) ?? this.start(name);
    switch (what) {
      case 'pause':
        process.clock.isPaused = true;
        break;
      case 'resume':
        process.clock.isPaused = false;
        process.lock.connection = 'good';
        break;
      case 'clock':
        process.clock.jump(-86_400_000);
        break;
      case 'kill':
        // It never acts again; its Lease stays.
        process.clock.isPaused = true;
        process.lock.connection = 'silent';
        this.start(name, {}, `${name}-${++this.#restarts}`);
        break;
      case 'stop': {
        const stopped = process.election.stop();
        process.clock.isPaused = false;
        await this.time.pass(3_000);
        await stopped;
        this.start(name, {}, `${name}-${++this.#restarts}`);
        break;
      }
      default:
        // The rest are connections.
        process.lock.connection = what as Connection;
    }
  }
}
