import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectsNothing } from '../../src/testing/case-file.ts';
import { formatProblem } from '../../src/testing/case-problem.ts';
import type { Expectation } from '../../src/testing/case-schema.ts';
import type { Outcome } from '../../src/testing/expectation.ts';
import { differencesOf, imageKey } from '../../src/testing/expectation.ts';
import { updatedExpectation } from '../../src/testing/updated-expectation.ts';
import { aDocumentWith, read } from './cases.ts';

const MATCH: Outcome = {
  allowed: true,
  outcome: 'PartialMatch',
  reason: '',
  cache: 'web',
  missing: ['docker.io/library/busybox:1.36.1'],
  rules: ['cost', 'team'],
  annotations: new Map([
    ['own', 'x'],
    ['pin', 'imc-web'],
  ]),
  labels: new Map([['cost-centre', 'shop']]),
  added: { annotations: ['pin'], labels: ['cost-centre'] },
  warnings: ['is Creating (60%): the pod may fail'],
  message: '',
  creates: true,
};

const SKIPPED: Outcome = {
  ...MATCH,
  outcome: 'Skipped',
  reason: 'NotEci',
  cache: '',
  missing: undefined,
  rules: [],
  added: { annotations: [], labels: [] },
  warnings: [],
  creates: false,
};

const REFUSED: Outcome = {
  ...MATCH,
  allowed: false,
  outcome: 'PinNotReady',
  missing: undefined,
  annotations: undefined,
  labels: undefined,
  added: { annotations: [], labels: [] },
  message: 'Wait until it is Ready (60%).',
  creates: false,
};

describe('expectations that hold today', () => {
  it.each<{ title: string; before: Expectation | undefined; got: Outcome; after: Expectation }>([
    { title: 'what holds stays', before: { outcome: 'PartialMatch' }, got: MATCH, after: { outcome: 'PartialMatch' } },
    {
      title: 'what does not hold says what came',
      before: { outcome: 'NoMatch', cache: 'other', creates: false },
      got: MATCH,
      after: { outcome: 'PartialMatch', cache: 'web', creates: true },
    },
    {
      title: 'nothing is added that was not expected',
      before: { outcome: 'NoMatch', annotations: { pin: 'imc-old', gone: 'y' } },
      got: MATCH,
      after: { outcome: 'PartialMatch', annotations: { pin: 'imc-web' } },
    },
    {
      title: 'unless the case is exact',
      before: { outcome: 'NoMatch', exact: true },
      got: MATCH,
      after: {
        outcome: 'PartialMatch',
        annotations: { pin: 'imc-web' },
        labels: { 'cost-centre': 'shop' },
        warnings: [String.raw`is Creating \(60%\): the pod may fail`],
        exact: true,
      },
    },
    {
      title: 'a key that should be absent and is there is expected with its value',
      before: { outcome: 'NoMatch', absent: ['cost-centre', 'other'] },
      got: MATCH,
      after: { outcome: 'PartialMatch', labels: { 'cost-centre': 'shop' }, absent: ['other'] },
    },
    {
      title: 'patterns that are met stay, others become the warnings',
      before: { outcome: 'NoMatch', warnings: ['^is Creating', 'unknown'] },
      got: { ...MATCH, warnings: [...MATCH.warnings, 'a.b'] },
      after: { outcome: 'PartialMatch', warnings: ['^is Creating', String.raw`a\.b`] },
    },
    {
      title: 'lists that hold the same stay as they are written',
      before: { outcome: 'NoMatch', missing: ['busybox:1.36.1'], rules: ['team', 'cost'] },
      got: MATCH,
      after: { outcome: 'PartialMatch', missing: ['busybox:1.36.1'], rules: ['team', 'cost'] },
    },
    {
      title: 'what a skipped pod has not is no longer expected',
      before: { cache: 'web', rules: [], missing: [], annotations: { pin: 'z', zzz: 'a' } },
      got: { ...SKIPPED, annotations: new Map() },
      after: { outcome: 'Skipped' },
    },
    {
      title: 'of a refused pod only what can be said of it is expected',
      before: { outcome: 'PartialMatch', annotations: { pin: 'imc-web' }, absent: ['x'], creates: true },
      got: REFUSED,
      after: {
        allowed: false,
        outcome: 'PinNotReady',
        message: String.raw`Wait until it is Ready \(60%\)\.`,
        creates: false,
      },
    },
    {
      title: 'a pod that is no longer refused is expected to be admitted',
      before: { allowed: false, outcome: 'PinNotReady', message: 'Wait' },
      got: MATCH,
      after: { allowed: true, outcome: 'PartialMatch' },
    },
    {
      title: 'a case without expectations gets all that tells its outcome',
      before: undefined,
      got: MATCH,
      after: {
        outcome: 'PartialMatch',
        cache: 'web',
        missing: ['docker.io/library/busybox:1.36.1'],
        rules: ['cost', 'team'],
        annotations: { pin: 'imc-web' },
        labels: { 'cost-centre': 'shop' },
        warnings: [String.raw`is Creating \(60%\): the pod may fail`],
        creates: true,
      },
    },
    {
      title: 'as does one that only seems to expect something',
      before: { labels: {}, absent: [] },
      got: SKIPPED,
      after: { outcome: 'Skipped', reason: 'NotEci' },
    },
  ])('$title', ({ before, got, after }) => {
    expect(updatedExpectation(before, got)).toEqual(after);
  });

  it('always hold, can be read, and say something, whatever was expected and whatever came', () => {
    const word = fc.constantFrom('a', 'b', 'web', 'pin');
    const map = fc.dictionary(word, word, { maxKeys: 3 });
    const list = fc.uniqueArray(word, { maxLength: 3 });
    const expectations: fc.Arbitrary<Expectation> = fc.record(
      {
        allowed: fc.boolean(),
        outcome: fc.constantFrom('NoMatch' as const, 'PartialMatch' as const),
        cache: word,
        missing: list,
        rules: list,
        annotations: map,
        labels: map,
        absent: list,
        warnings: list,
        creates: fc.boolean(),
        exact: fc.boolean(),
      },
      { requiredKeys: [] },
    );
    const outcomes: fc.Arbitrary<Outcome> = fc.oneof(
      fc.constantFrom(SKIPPED, REFUSED),
      fc
        .record({
          annotations: map,
          labels: map,
          missing: list.map((images) => images.map(imageKey)),
          rules: list,
          warnings: list,
          cache: word,
          creates: fc.boolean(),
        })
        .map(
          ({ annotations, labels, ...parts }): Outcome => ({
            ...MATCH,
            ...parts,
            annotations: new Map(Object.entries(annotations)),
            labels: new Map(Object.entries(labels)),
            added: { annotations: Object.keys(annotations).slice(1), labels: Object.keys(labels) },
          }),
        ),
    );
    fc.assert(
      fc.property(fc.option(expectations, { nil: undefined }), outcomes, (before, got) => {
        const after = updatedExpectation(before, got);
        expect(differencesOf(after, got)).toEqual([]);
        expect(expectsNothing(after)).toBe(false);
        expect(updatedExpectation(after, got)).toBe(after);
        // What contradicts itself cannot be read to begin with.
        if (before !== undefined && read(aDocumentWith({ expect: before })).problems.length > 0) return;
        expect(read(aDocumentWith({ expect: after })).problems.map(formatProblem)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
