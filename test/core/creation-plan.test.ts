import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Demand, FailureRecord, PlanInput, PlannedAction } from '../../src/core/creation-plan.ts';
import { planCreations, RETRY_AFTER_MS } from '../../src/core/creation-plan.ts';
import type { ImageCache, OwnMarks } from '../../src/core/image-cache.ts';
import { wantedCacheOf } from '../../src/core/wanted-cache.ts';
import { decodePod } from '../../src/wire/pod.ts';
import type { ImageCacheBuilder } from '../support/image-cache-builder.ts';
import { anImageCache } from '../support/image-cache-builder.ts';
import { anEciPod } from '../support/pod-builder.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const START_MS = Date.parse('2026-01-15T12:00:00Z');

const SETTINGS: PlanInput['settings'] = {
  enabled: true,
  allow: [],
  deny: [],
  mutableTags: ['latest'],
  buildDeadlineMs: HOUR_MS,
  expiryMarginMs: 4 * HOUR_MS,
  maxCaches: 50,
  perMinute: 30,
};

function at(ms: number): string {
  return new Date(ms).toISOString();
}

/** Demand for one image, under a name that is easy to read. */
function demandFor(image: string): Demand {
  const pod = decodePod(anEciPod().withImage(image).build());
  const wanted = wantedCacheOf(pod, 'shop', [], { copyAnnotations: [], share: 'namespace' });
  return { name: `auto-${image.replace(/\W/g, '-')}`, wanted, pod };
}

/** A cache as we made it for {@link demandFor}. */
function own(image: string, change: (cache: ImageCacheBuilder) => ImageCacheBuilder = (cache) => cache): ImageCache {
  return change(anImageCache(demandFor(image).name).holding(image).createdAt(at(START_MS))).decode();
}

function autoCreated(cache: ImageCache, marks: Partial<OwnMarks> = {}): ImageCache {
  return { ...cache, ours: { lastMatchedAtMs: undefined, retiringSinceMs: undefined, ...marks } };
}

interface World {
  readonly nowMs?: number;
  readonly settings?: Partial<PlanInput['settings']>;
  readonly own?: readonly ImageCache[];
  readonly others?: readonly ImageCache[];
  readonly demands?: readonly string[];
  readonly idsInUse?: readonly string[];
  readonly failures?: Readonly<Record<string, FailureRecord>>;
}

function plan(world: World) {
  const ours = world.own ?? [];
  const caches = [...ours, ...(world.others ?? [])];
  const { actions, refusals, nextAtMs } = planCreations({
    nowMs: world.nowMs ?? START_MS,
    settings: { ...SETTINGS, ...world.settings },
    caches: new Map(caches.map((cache) => [cache.name, cache])),
    demands: (world.demands ?? []).map(demandFor),
    idsInUse: new Set(world.idsInUse),
    failures: new Map(Object.entries(world.failures ?? {})),
  });
  return { actions: actions.map(text), refused: refusals.map(({ refusal }) => refusal.reason), nextAtMs };
}

function text(action: PlannedAction): string {
  const name = action.kind === 'create' ? action.demand.name : action.name;
  return `${action.kind} ${name}${'because' in action ? ` ${action.because}` : ''}`;
}

describe('planCreations: making caches (spec N3)', () => {
  it.each<[string, World, readonly string[], readonly string[]]>([
    [
      'one for each image set, in the order of the names',
      { demands: ['b:1', 'a:1', 'b:1'] },
      ['create auto-a-1', 'create auto-b-1'],
      [],
    ],
    ['none when switched off', { demands: ['a:1'], settings: { enabled: false } }, [], ['Disabled']],
    ['none for a tag that moves', { demands: ['a:latest'] }, [], ['MutableTag']],
    [
      'none while one is being built',
      { demands: ['a:1'], own: [autoCreated(own('a:1', (c) => c.inPhase('Creating')))] },
      [],
      ['Building'],
    ],
    [
      'none beside somebody’s usable one',
      { demands: ['a:1'], others: [anImageCache('by-hand').holding('a:1').decode()] },
      [],
      ['Usable'],
    ],
    [
      'none over an object of that name that is not ours',
      { demands: ['a:1'], others: [anImageCache('auto-a-1').holding('b:1').decode()] },
      [],
      ['NameTaken'],
    ],
    [
      'none while the last one is being deleted',
      { demands: ['a:1'], own: [autoCreated(own('a:1', (c) => c.beingDeleted()))] },
      [],
      [],
    ],
    [
      'beyond the pace: later',
      { demands: ['a:1', 'b:1'], settings: { perMinute: 1 } },
      ['create auto-a-1'],
      ['PerMinute'],
    ],
    [
      'those made within the last minute count',
      {
        demands: ['a:1'],
        settings: { perMinute: 1 },
        own: [autoCreated(own('b:1', (c) => c.createdAt(at(START_MS - 59_000))))],
      },
      [],
      ['PerMinute'],
    ],
    [
      'beyond the number: none',
      { demands: ['a:1', 'b:1'], settings: { maxCaches: 1 } },
      ['create auto-a-1'],
      ['MaxCaches'],
    ],
    [
      'an idle one makes room, the idlest first',
      {
        demands: ['a:1'],
        settings: { maxCaches: 2 },
        nowMs: START_MS + 3 * DAY_MS,
        own: [
          autoCreated(own('b:1'), { lastMatchedAtMs: START_MS + DAY_MS }),
          autoCreated(own('c:1'), { lastMatchedAtMs: START_MS + HOUR_MS }),
        ],
      },
      ['retire auto-c-1 MakesRoom', 'create auto-a-1'],
      [],
    ],
    [
      'one in use makes none',
      {
        demands: ['a:1'],
        settings: { maxCaches: 1 },
        nowMs: START_MS + 3 * DAY_MS,
        own: [autoCreated(own('b:1'), { lastMatchedAtMs: START_MS + 3 * DAY_MS })],
        idsInUse: ['imc-auto-b-1'],
      },
      [],
      ['MaxCaches'],
    ],
    [
      'nor one that somebody labelled retiring',
      { demands: ['a:1'], own: [autoCreated(own('a:1', (c) => c.retiring()))] },
      [],
      ['Retiring'],
    ],
    [
      'nor one whose images living pods want',
      {
        demands: ['a:1', 'b:1'],
        settings: { maxCaches: 1 },
        nowMs: START_MS + 3 * DAY_MS,
        own: [autoCreated(own('b:1'))],
      },
      [],
      ['MaxCaches', 'Usable'],
    ],
    [
      'a retiring one is offered again',
      {
        demands: ['a:1'],
        own: [
          autoCreated(
            own('a:1', (c) => c.retiring()),
            { retiringSinceMs: START_MS - DAY_MS },
          ),
        ],
      },
      ['restore auto-a-1'],
      [],
    ],
  ])('%s', (_title, world, actions, refused) => {
    expect(plan(world)).toMatchObject({ actions, refused });
  });
});

describe('planCreations: failures (spec N4)', () => {
  const failed = autoCreated(own('a:1', (c) => c.inPhase('Failed')));
  const record = (failures: number, lastFailedAtMs = START_MS): Readonly<Record<string, FailureRecord>> => ({
    'auto-a-1': { failures, lastFailedAtMs },
  });

  it.each<[string, World, readonly string[], readonly string[]]>([
    ['is counted once', { demands: ['a:1'], own: [failed] }, ['record-failure auto-a-1'], []],
    [
      'stays visible for an hour',
      { demands: ['a:1'], own: [failed], failures: record(1), nowMs: START_MS + HOUR_MS - 1 },
      [],
      ['RetryLater'],
    ],
    [
      'then goes',
      { demands: ['a:1'], own: [failed], failures: record(1), nowMs: START_MS + HOUR_MS },
      ['delete auto-a-1 Failed'],
      ['RetryLater'],
    ],
    [
      'and is made again',
      { demands: ['a:1'], failures: record(1), nowMs: START_MS + HOUR_MS },
      ['create auto-a-1'],
      [],
    ],
    [
      'after the second failure not before six hours',
      { demands: ['a:1'], failures: record(2), nowMs: START_MS + 6 * HOUR_MS - 1 },
      [],
      ['RetryLater'],
    ],
    [
      'after the third not before a day',
      { demands: ['a:1'], failures: record(3), nowMs: START_MS + DAY_MS },
      ['create auto-a-1'],
      [],
    ],
    [
      'after the fourth never',
      { demands: ['a:1'], failures: record(4), nowMs: START_MS + 29 * DAY_MS },
      [],
      ['GivenUp'],
    ],
    [
      'a build that hangs counts as failed',
      { demands: ['a:1'], own: [autoCreated(own('a:1', (c) => c.inPhase('Creating')))], nowMs: START_MS + HOUR_MS },
      ['record-failure auto-a-1'],
      [],
    ],
    [
      'success forgets',
      { demands: ['a:1'], own: [autoCreated(own('a:1'))], failures: record(2, START_MS - DAY_MS) },
      ['forget-failures auto-a-1'],
      ['Usable'],
    ],
    [
      'what nobody wants any more goes after a day',
      { own: [failed], failures: record(4), nowMs: START_MS + DAY_MS },
      ['delete auto-a-1 Failed'],
      [],
    ],
  ])('%s', (_title, world, actions, refused) => {
    expect(plan(world)).toMatchObject({ actions, refused });
  });
});

describe('planCreations: clean-up (spec N5)', () => {
  const retired = autoCreated(
    own('a:1', (c) => c.retiring()),
    { retiringSinceMs: START_MS },
  );

  it.each<[string, World, readonly string[]]>([
    [
      'never matched for a week',
      { own: [autoCreated(own('a:1'))], nowMs: START_MS + 7 * DAY_MS },
      ['retire auto-a-1 NeverMatched'],
    ],
    ['not quite', { own: [autoCreated(own('a:1'))], nowMs: START_MS + 7 * DAY_MS - 1 }, []],
    [
      'unmatched for 30 days',
      { own: [autoCreated(own('a:1'), { lastMatchedAtMs: START_MS })], nowMs: START_MS + 30 * DAY_MS },
      ['retire auto-a-1 Unmatched'],
    ],
    [
      'in use: a note once an hour',
      {
        own: [autoCreated(own('a:1'), { lastMatchedAtMs: START_MS })],
        nowMs: START_MS + 31 * DAY_MS,
        idsInUse: ['imc-auto-a-1'],
      },
      ['touch auto-a-1'],
    ],
    [
      'in use, noted lately',
      {
        own: [autoCreated(own('a:1'), { lastMatchedAtMs: START_MS })],
        nowMs: START_MS + HOUR_MS - 1,
        idsInUse: ['imc-auto-a-1'],
      },
      [],
    ],
    [
      'never matched for a month, while pods that missed it live on',
      { own: [autoCreated(own('a:1'))], demands: ['a:1'], nowMs: START_MS + 30 * DAY_MS },
      [],
    ],
    ['a retired one stays for the margin', { own: [retired], nowMs: START_MS + 4 * HOUR_MS - 1 }, []],
    ['and goes then', { own: [retired], nowMs: START_MS + 4 * HOUR_MS }, ['delete auto-a-1 Retired']],
    [
      'unless a living pod carries its id',
      { own: [retired], nowMs: START_MS + 5 * HOUR_MS, idsInUse: ['imc-auto-a-1'] },
      ['touch auto-a-1'],
    ],
    [
      'one that has expired goes',
      { own: [autoCreated(own('a:1', (c) => c.expiringAt(at(START_MS))))] },
      ['delete auto-a-1 Expired'],
    ],
    [
      'one that is being deleted is left alone',
      { own: [autoCreated(own('a:1', (c) => c.beingDeleted()))], nowMs: START_MS + 40 * DAY_MS },
      [],
    ],
    [
      'one that somebody else labelled retiring is theirs',
      { own: [autoCreated(own('a:1', (c) => c.retiring()))], nowMs: START_MS + 40 * DAY_MS },
      [],
    ],
    [
      'what is not ours is left alone',
      { others: [own('a:1', (c) => c.inPhase('Failed'))], nowMs: START_MS + 40 * DAY_MS },
      [],
    ],
    [
      'switched off, ours still go',
      { own: [retired], settings: { enabled: false }, demands: ['a:1'], nowMs: START_MS + 4 * HOUR_MS },
      ['delete auto-a-1 Retired'],
    ],
  ])('%s', (_title, world, actions) => {
    expect(plan(world).actions).toEqual(actions);
  });

  it('says when to look again', () => {
    expect(plan({ own: [autoCreated(own('a:1'))] }).nextAtMs).toBe(START_MS + MINUTE_MS);
    expect(plan({ own: [retired], nowMs: START_MS + MINUTE_MS }).nextAtMs).toBe(START_MS + 4 * HOUR_MS);
    expect(plan({}).nextAtMs).toBe(Infinity);
  });
});

describe('planCreations over a long time, interrupted anywhere', () => {
  const IMAGES = ['a:1', 'b:1', 'c:1', 'd:1'];
  const MAX_CACHES = 2;
  const PER_MINUTE = 2;

  type Step =
    | { readonly kind: 'pass'; readonly ms: number }
    | { readonly kind: 'want' | 'unwant' | 'use' | 'release'; readonly image: string }
    | { readonly kind: 'build'; readonly image: string; readonly phase: 'Ready' | 'Failed' }
    /** The controller plans, and is killed after so many actions. */
    | { readonly kind: 'act'; readonly actions: number };

  const image = fc.constantFrom(...IMAGES);
  const steps = fc.array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('pass' as const),
          ms: fc.constantFrom(1, MINUTE_MS, HOUR_MS, 5 * HOUR_MS, DAY_MS, 8 * DAY_MS, 31 * DAY_MS),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constantFrom('want' as const, 'unwant' as const, 'use' as const, 'release' as const),
          image,
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant('build' as const),
          image,
          phase: fc.constantFrom('Ready' as const, 'Ready' as const, 'Failed' as const),
        }),
      },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('act' as const), actions: fc.nat({ max: 4 }) }) },
    ),
    { maxLength: 60 },
  );

  /** A cluster that does what it is told, and complains when that was wrong. */
  class Cluster {
    nowMs = START_MS;
    readonly own = new Map<string, OwnMarks & { readonly cache: ImageCache; readonly builder: ImageCacheBuilder }>();
    readonly wanted = new Set<string>();
    readonly inUse = new Set<string>();
    readonly failures = new Map<string, FailureRecord>();
    readonly foreign = anImageCache('by-hand').holding('z:1').inPhase('Failed').decode();
    readonly madeAtMs: number[] = [];
    readonly failedAttempts = new Map<string, number>();

    plan(): readonly PlannedAction[] {
      return planCreations({
        nowMs: this.nowMs,
        settings: { ...SETTINGS, maxCaches: MAX_CACHES, perMinute: PER_MINUTE },
        caches: new Map([
          ...[...this.own].map(([name, { cache }]) => [name, cache] as const),
          ['by-hand', this.foreign],
        ]),
        demands: [...this.wanted].map(demandFor),
        idsInUse: new Set([...this.inUse].map((name) => `imc-${name}`)),
        failures: this.failures,
      }).actions;
    }

    put(name: string, builder: ImageCacheBuilder, state: Partial<OwnMarks> = {}): void {
      const before = this.own.get(name);
      const { lastMatchedAtMs, retiringSinceMs } = before ?? {};
      const marks = { lastMatchedAtMs, retiringSinceMs, ...state };
      this.own.set(name, { ...marks, builder, cache: autoCreated(builder.decode(), marks) });
    }

    do(action: PlannedAction): void {
      if (action.kind === 'create') {
        const { name } = action.demand;
        expect(this.own.has(name), 'made twice').toBe(false);
        this.madeAtMs.push(this.nowMs);
        expect(this.madeAtMs.filter((ms) => ms > this.nowMs - MINUTE_MS).length).toBeLessThanOrEqual(PER_MINUTE);
        const building = anImageCache(name)
          .holding(...action.demand.wanted.references)
          .inPhase('Creating');
        this.put(name, building.createdAt(at(this.nowMs)), { lastMatchedAtMs: undefined, retiringSinceMs: undefined });
      } else if (action.kind === 'record-failure') {
        this.failures.set(action.name, action.record);
      } else if (action.kind === 'forget-failures') {
        this.failures.delete(action.name);
      } else {
        const entry = this.own.get(action.name);
        expect(entry, 'not ours').toBeDefined();
        if (entry === undefined) return;
        if (action.kind === 'delete') {
          expect(this.inUse.has(action.name), 'a living pod names it').toBe(false);
          this.own.delete(action.name);
        } else if (action.kind === 'touch') this.put(action.name, entry.builder, { lastMatchedAtMs: action.atMs });
        else if (action.kind === 'retire') {
          expect(this.inUse.has(action.name)).toBe(false);
          this.put(action.name, entry.builder.retiring(), { retiringSinceMs: this.nowMs });
        } else
          this.put(action.name, entry.builder.withLabel('imc-webhook/retiring', undefined), {
            retiringSinceMs: undefined,
          });
      }
      const offered = [...this.own.values()].filter(({ retiringSinceMs }) => retiringSinceMs === undefined).length;
      expect(offered).toBeLessThanOrEqual(MAX_CACHES);
    }

    run(step: Step): void {
      const name = 'image' in step ? demandFor(step.image).name : '';
      if (step.kind === 'pass') this.nowMs += step.ms;
      else if (step.kind === 'want') this.wanted.add(step.image);
      else if (step.kind === 'unwant') this.wanted.delete(step.image);
      else if (step.kind === 'use') {
        const entry = this.own.get(name);
        if (entry?.cache.phase === 'Ready') this.inUse.add(name);
      } else if (step.kind === 'release') this.inUse.delete(name);
      else if (step.kind === 'build') {
        const entry = this.own.get(name);
        if (entry?.cache.phase !== 'Creating') return;
        if (step.phase === 'Failed') this.failedAttempts.set(name, (this.failedAttempts.get(name) ?? 0) + 1);
        else this.failedAttempts.delete(name);
        this.put(name, entry.builder.inPhase(step.phase));
      } else if (step.kind === 'act') for (const action of this.plan().slice(0, step.actions)) this.do(action);
    }
  }

  it('makes nothing twice, deletes nothing in use, stays within its bounds, and gets there in the end', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const cluster = new Cluster();
        for (const step of sequence) {
          cluster.run(step);
          // What went wrong four times in a row is not tried a fifth time.
          for (const attempts of cluster.failedAttempts.values())
            expect(attempts).toBeLessThanOrEqual(RETRY_AFTER_MS.length + 1);
        }
        // From here on nothing is interrupted, builds succeed and pods come and go: the wanted caches come to be, or
        // have failed too often.
        for (const name of cluster.inUse) cluster.inUse.delete(name);
        for (const unneeded of [...cluster.wanted].slice(MAX_CACHES)) cluster.wanted.delete(unneeded);
        for (let hour = 0; hour < 72; hour += 1) {
          for (let round = 0; round < 3; round += 1) for (const action of cluster.plan()) cluster.do(action);
          for (const [name, { cache, builder }] of cluster.own) {
            if (cache.phase === 'Creating') cluster.put(name, builder.inPhase('Ready'));
          }
          cluster.nowMs += HOUR_MS;
        }
        for (const wanted of cluster.wanted) {
          const { name } = demandFor(wanted);
          const givenUp = (cluster.failures.get(name)?.failures ?? 0) > RETRY_AFTER_MS.length;
          expect(givenUp || cluster.own.get(name)?.cache.phase === 'Ready').toBe(true);
        }
        // And when nothing happens but time, every day comes to rest: nothing is done and undone again.
        for (let day = 0; day < 12; day += 1) {
          for (let round = 0; round < 3; round += 1) for (const action of cluster.plan()) cluster.do(action);
          expect(cluster.plan()).toEqual([]);
          cluster.nowMs += DAY_MS;
        }
      }),
      { numRuns: 300 },
    );
  });
});
