import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PlanInput } from '../../src/core/creation-plan.ts';
import { planCreations } from '../../src/core/creation-plan.ts';
import type { ImageCache, OwnMarks } from '../../src/core/image-cache.ts';
import { janitorReport } from '../../src/core/janitor-report.ts';
import { DEFAULT_CREATION_SETTINGS } from '../../src/core/settings.ts';
import { wantedCacheOf } from '../../src/core/wanted-cache.ts';
import { decodePod } from '../../src/wire/pod.ts';
import { anImageCache } from '../support/image-cache-builder.ts';
import { anEciPod } from '../support/pod-builder.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = Date.parse('2026-03-01T00:00:00Z');

interface Life {
  readonly name?: string;
  readonly ageMs: number;
  readonly phase?: string;
  readonly id?: string;
  readonly marks?: Partial<OwnMarks>;
  readonly expiresInMs?: number;
}

function aCacheOfOurs({
  name = 'auto-web',
  ageMs,
  phase = 'Ready',
  id = 'imc-1',
  marks,
  expiresInMs,
}: Life): ImageCache {
  const cache = anImageCache(name)
    .holding('web:1')
    .createdAt(new Date(NOW_MS - ageMs).toISOString())
    .decode();
  return {
    ...cache,
    phase,
    id,
    expiresAtMs: expiresInMs === undefined ? Infinity : NOW_MS + expiresInMs,
    retiring: marks?.retiringSinceMs !== undefined,
    ours: { lastMatchedAtMs: undefined, retiringSinceMs: undefined, ...marks },
  };
}

function inputOf(
  caches: readonly ImageCache[],
  { wanted = false, idsInUse = [] as readonly string[] } = {},
): PlanInput {
  const pod = decodePod(anEciPod().withImage('web:1').build());
  const demand = {
    name: 'auto-web',
    pod,
    wanted: wantedCacheOf(pod, 'shop', [], { copyAnnotations: [], share: 'namespace' }),
  };
  return {
    nowMs: NOW_MS,
    settings: { ...DEFAULT_CREATION_SETTINGS, enabled: true, expiryMarginMs: 4 * HOUR_MS },
    caches: new Map(caches.map((cache) => [cache.name, cache])),
    demands: wanted ? [demand] : [],
    idsInUse: new Set(idsInUse),
    failures: new Map(),
  };
}

describe('janitorReport', () => {
  it.each<[string, Life, { wanted?: boolean; idsInUse?: string[] }, string, string]>([
    ['a new one', { ageMs: DAY_MS }, {}, '-', 'retire NeverMatched in 6 d'],
    ['one in use', { ageMs: 90 * DAY_MS }, { idsInUse: ['imc-1'] }, '-', '-'],
    ['one nobody ever used', { ageMs: 8 * DAY_MS }, {}, 'retire NeverMatched', 'delete Retired in 0.17 d'],
    [
      'one used a while ago',
      { ageMs: 90 * DAY_MS, marks: { lastMatchedAtMs: NOW_MS - 20 * DAY_MS } },
      {},
      '-',
      'retire Unmatched in 10 d',
    ],
    [
      'a retiring one',
      { ageMs: 90 * DAY_MS, marks: { retiringSinceMs: NOW_MS - HOUR_MS } },
      {},
      '-',
      'delete Retired in 0.13 d',
    ],
    [
      'a retired one whose time has come',
      { ageMs: 90 * DAY_MS, marks: { retiringSinceMs: NOW_MS - DAY_MS } },
      {},
      'delete Retired',
      '-',
    ],
    [
      'a retired one that a pod names',
      { ageMs: 90 * DAY_MS, marks: { retiringSinceMs: NOW_MS - DAY_MS } },
      { idsInUse: ['imc-1'] },
      '-',
      '-',
    ],
    [
      'a retired one whose images pods want again',
      { ageMs: 90 * DAY_MS, marks: { retiringSinceMs: NOW_MS - DAY_MS, lastMatchedAtMs: NOW_MS - 10 * DAY_MS } },
      { wanted: true },
      'restore',
      '-',
    ],
    ['one that expires', { ageMs: DAY_MS, expiresInMs: DAY_MS }, {}, '-', 'delete Expired in 1 d'],
    [
      'one that failed',
      { ageMs: HOUR_MS / 2, phase: 'Failed', id: '' },
      {},
      'record-failure',
      'delete Failed in 0.04 d',
    ],
    ['one that is built', { ageMs: HOUR_MS / 2, phase: 'Creating', id: '' }, {}, '-', 'record-failure in 0.02 d'],
  ])('tells what becomes of %s', (_title, life, world, now, next) => {
    const [entry] = janitorReport(inputOf([aCacheOfOurs(life)], world));
    const text = (action: object | undefined): string =>
      action === undefined
        ? '-'
        : Object.values({ ...action, name: '', record: '' })
            .filter(Boolean)
            .join(' ');
    expect(text(entry?.now)).toBe(now);
    const days = Number((((entry?.next?.atMs ?? 0) - NOW_MS) / DAY_MS).toFixed(2));
    expect(entry?.next === undefined ? '-' : `${text(entry.next.action)} in ${days} d`).toBe(next);
  });

  it('says nothing of what others made, and goes by name', () => {
    const others = { ...aCacheOfOurs({ name: 'by-hand', ageMs: 90 * DAY_MS }), ours: undefined };
    const report = janitorReport(
      inputOf([others, aCacheOfOurs({ name: 'auto-b', ageMs: 0 }), aCacheOfOurs({ name: 'auto-a', ageMs: 0 })]),
    );
    expect(report.map(({ cache }) => cache.name)).toEqual(['auto-a', 'auto-b']);
  });

  it('property: what is next is what the plan does at that time, and not before', () => {
    const life = fc.record(
      {
        ageMs: fc.integer({ min: 0, max: 100 * DAY_MS }),
        phase: fc.constantFrom('', 'Pending', 'Creating', 'Ready', 'Failed'),
        marks: fc.record(
          {
            lastMatchedAtMs: fc.integer({ min: NOW_MS - 60 * DAY_MS, max: NOW_MS }),
            retiringSinceMs: fc.integer({ min: NOW_MS - 2 * DAY_MS, max: NOW_MS }),
          },
          { requiredKeys: [] },
        ),
      },
      { requiredKeys: ['ageMs'] },
    );
    fc.assert(
      fc.property(life, fc.boolean(), (lived, isInUse) => {
        const input = inputOf([aCacheOfOurs(lived)], { idsInUse: isInUse ? ['imc-1'] : [] });
        const [entry] = janitorReport(input);
        if (entry === undefined || entry.now !== undefined || entry.next === undefined) return;
        const { action, atMs } = entry.next;
        const actionsAt = (nowMs: number): readonly string[] =>
          planCreations({ ...input, nowMs }).actions.map(({ kind }) => kind);
        expect(actionsAt(atMs)).toContain(action.kind);
        expect(actionsAt(atMs - 1)).not.toContain(action.kind);
      }),
    );
  });
});
