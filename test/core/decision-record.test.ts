import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DecisionRecord } from '../../src/core/decision-record.ts';
import {
  auditAnnotations,
  encodeDecisionRecord,
  formerAdditions,
  formerAudit,
} from '../../src/core/decision-record.ts';
import { EMPTY_PROFILE } from '../../src/core/eci-profile.ts';
import { decodeEciProfile } from '../../src/wire/eci-profile.ts';

const NOTHING = { annotations: new Map<string, string>(), labels: new Map<string, string>() };

function record(parts: Partial<DecisionRecord> = {}): DecisionRecord {
  return { outcome: 'NoMatch', rules: [], added: NOTHING, ...parts };
}

function bytesWithoutAdded(text: string): number {
  const { added: _added, ...rest } = JSON.parse(text) as Record<string, unknown>;
  return Buffer.byteLength(JSON.stringify(rest));
}

describe('encodeDecisionRecord', () => {
  it('spec A2: all parts stand in the order of the contract', () => {
    const text = encodeDecisionRecord(
      record({
        added: {
          labels: new Map([
            ['tier', 'a'],
            ['app', 'web'],
          ]),
          annotations: new Map([
            ['k8s.aliyun.com/eci-imc-id', 'imc-a'],
            ['example.com/a', ''],
          ]),
        },
        rules: ['second', 'first'],
        coverage: { missing: ['docker.io/library/redis:1'], images: 2, exact: 1 },
        id: 'imc-a',
        cache: 'a',
        outcome: 'PartialMatch',
      }),
    );
    expect(text).toBe(
      '{"outcome":"PartialMatch","cache":"a","id":"imc-a","exact":1,"images":2,"missing":["docker.io/library/redis:1"],' +
        '"rules":["second","first"],"added":{"annotations":{"example.com/a":"","k8s.aliyun.com/eci-imc-id":"imc-a"},' +
        '"labels":{"app":"web","tier":"a"}}}',
    );
  });

  it.each([
    ['nothing but an outcome', record({ outcome: 'AutoDisabled' }), '{"outcome":"AutoDisabled"}'],
    [
      'zeros are kept',
      record({ coverage: { exact: 0, images: 0, missing: [] } }),
      '{"outcome":"NoMatch","exact":0,"images":0}',
    ],
    ['a pin of mode observe', record({ would: 'imc-a' }), '{"outcome":"NoMatch","would":"imc-a"}'],
    [
      'only labels added',
      record({ added: { ...NOTHING, labels: new Map([['a', 'b']]) } }),
      '{"outcome":"NoMatch","added":{"labels":{"a":"b"}}}',
    ],
    [
      'keys that every object has',
      record({
        added: {
          ...NOTHING,
          annotations: new Map([
            ['__proto__', 'x'],
            ['constructor', 'y'],
          ]),
        },
      }),
      '{"outcome":"NoMatch","added":{"annotations":{"__proto__":"x","constructor":"y"}}}',
    ],
  ])('spec A2: absent parts are left out: %s', (_title, parts, text) => {
    expect(encodeDecisionRecord(parts)).toBe(text);
  });

  it('spec A2: the order in which additions come leaves no trace', () => {
    const entries: [string, string][] = [
      ['b', '1'],
      ['a', '2'],
      ['B', '3'],
      ['\u{1F600}', '4'],
      ['\uFFFD', '5'],
    ];
    const forwards = record({ added: { annotations: new Map(entries), labels: new Map(entries) } });
    const backwards = record({
      added: { annotations: new Map(entries.toReversed()), labels: new Map(entries.toReversed()) },
    });
    expect(encodeDecisionRecord(backwards)).toBe(encodeDecisionRecord(forwards));
  });

  it('spec A2: a list that is too long ends with how many more there are', () => {
    const missing = Array.from({ length: 100 }, (_, i) => `registry.example.com/team/some-application-${i}:1`);
    const text = encodeDecisionRecord(record({ coverage: { exact: 0, images: 100, missing } }));
    const decoded = JSON.parse(text) as { missing: string[]; images: number };
    const kept = decoded.missing.slice(0, -1);
    expect(kept).toEqual(missing.slice(0, kept.length));
    expect(decoded.missing.at(-1)).toBe(`+${100 - kept.length} more`);
    expect(decoded.images).toBe(100);
    expect(Buffer.byteLength(text)).toBeLessThan(4096);
    // No more than needed: one more would not fit.
    expect(Buffer.byteLength(text) + (missing[kept.length]?.length ?? 0) + 3).toBeGreaterThan(4080);
  });

  it('spec A2: of two long lists both are cut, a short one is kept whole', () => {
    const long = Array.from({ length: 60 }, (_, i) => `${i}-${'x'.repeat(60)}`);
    const both = JSON.parse(
      encodeDecisionRecord(record({ rules: long, coverage: { exact: 0, images: 60, missing: long } })),
    );
    expect(both.rules.at(-1)).toMatch(/^\+\d+ more$/);
    expect(both.missing.at(-1)).toMatch(/^\+\d+ more$/);
    const one = JSON.parse(
      encodeDecisionRecord(
        record({ rules: ['a', 'b'], coverage: { exact: 0, images: 99, missing: [...long, ...long] } }),
      ),
    );
    expect(one.rules).toEqual(['a', 'b']);
    expect(one.missing.at(-1)).toMatch(/^\+\d+ more$/);
  });

  it('spec A2: a list whose single item is too long says so', () => {
    const text = encodeDecisionRecord(record({ rules: ['r'.repeat(5000)] }));
    expect(text).toBe('{"outcome":"NoMatch","rules":["+1 more"]}');
  });

  it('spec A2: what was added is never cut', () => {
    const annotations = new Map(Array.from({ length: 200 }, (_, i) => [`example.com/${i}`, 'x'.repeat(100)]));
    const text = encodeDecisionRecord(record({ rules: ['all'], added: { ...NOTHING, annotations } }));
    const decoded = JSON.parse(text) as { rules: string[]; added: { annotations: Record<string, string> } };
    expect(new Map(Object.entries(decoded.added.annotations))).toEqual(annotations);
    expect(decoded.rules).toEqual(['all']);
  });

  it('spec A2: whatever it holds, it is one line and under 4 KiB without what was added', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.string({ unit: fc.constantFrom('"', '\\', '\n', '\u0000', '\u955c', '\ud83d', '\u{1F600}'), maxLength: 300 }),
    );
    const list = fc.oneof(
      fc.array(text, { maxLength: 40 }),
      fc.nat({ max: 3000 }).map((length) => Array.from({ length }, (_, i) => `${i}`)),
    );
    fc.assert(
      fc.property(
        list,
        list,
        fc.dictionary(text, text, { maxKeys: 3 }),
        fc.option(text),
        (missing, rules, added, cache) => {
          const encoded = encodeDecisionRecord(
            record({
              cache: cache?.slice(0, 60),
              coverage: { exact: 0, images: missing.length, missing },
              rules,
              added: { ...NOTHING, annotations: new Map(Object.entries(added)) },
            }),
          );
          expect(encoded).not.toMatch(/[\n\r]/);
          expect(bytesWithoutAdded(encoded)).toBeLessThan(4096);
          const decoded = JSON.parse(encoded) as {
            missing?: string[];
            rules?: string[];
            added?: { annotations: object };
          };
          expectCut(decoded.missing ?? [], missing);
          expectCut(decoded.rules ?? [], rules);
          expect(sortedEntries(decoded.added?.annotations ?? {})).toEqual(sortedEntries(added));
        },
      ),
      { numRuns: 300 },
    );
  });

  function sortedEntries(object: object): [string, unknown][] {
    return Object.entries(object).toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  /** A list as it was, or its beginning and how many more there are. */
  function expectCut(actual: readonly string[], whole: readonly string[]): void {
    if (actual.length === whole.length && actual.at(-1) === whole.at(-1)) return;
    const kept = actual.slice(0, -1);
    expect(kept).toEqual(whole.slice(0, kept.length));
    expect(actual.at(-1)).toBe(`+${whole.length - kept.length} more`);
  }
});

describe('formerAdditions', () => {
  const PROFILE = decodeEciProfile(
    '[{"name":"r","effect":{"annotations":{"example.com/a":"1"},"labels":{"tier":"x"}}}]',
  );

  function former(decision: string): { annotations: object; labels: object } {
    const { annotations, labels } = formerAdditions(new Map([['imc-webhook/decision', decision]]), PROFILE);
    return { annotations: Object.fromEntries(annotations), labels: Object.fromEntries(labels) };
  }

  it.each([
    [
      'keys of section 1',
      '{"added":{"annotations":{"k8s.aliyun.com/eci-imc-id":"imc-a","k8s.aliyun.com/eci-auto-imc":"true"}}}',
      { 'k8s.aliyun.com/eci-imc-id': 'imc-a', 'k8s.aliyun.com/eci-auto-imc': 'true' },
      {},
    ],
    [
      'keys of an effect',
      '{"added":{"annotations":{"example.com/a":"old value"},"labels":{"tier":"y"}}}',
      { 'example.com/a': 'old value' },
      { tier: 'y' },
    ],
    [
      'no other keys',
      '{"added":{"annotations":{"example.com/b":"1","tier":"x"},"labels":{"app":"web","example.com/a":"1","k8s.aliyun.com/eci-imc-id":"x"}}}',
      {},
      {},
    ],
    ['not the decision itself', '{"added":{"annotations":{"imc-webhook/decision":"x"}}}', {}, {}],
    ['texts only', '{"added":{"annotations":{"example.com/a":1},"labels":{"tier":null}}}', {}, {}],
    [
      'unknown keys are ignored',
      '{"outcome":"FromTheFuture","future":[1],"added":{"future":1,"labels":{"tier":"x"}}}',
      {},
      { tier: 'x' },
    ],
  ])('spec M11: takes back %s', (_title, decision, annotations, labels) => {
    expect(former(decision)).toEqual({ annotations, labels });
  });

  it.each([
    '',
    '{',
    'null',
    '[]',
    '"x"',
    '7',
    '{}',
    '{"added":null}',
    '{"added":[]}',
    '{"added":"x"}',
    '{"added":{"annotations":[["example.com/a","1"]],"labels":"x"}}',
  ])('spec M11: an unreadable decision counts as absent: %s', (decision) => {
    expect(former(decision)).toEqual({ annotations: {}, labels: {} });
  });

  it('spec M11: without a decision nothing is taken back', () => {
    const { annotations, labels } = formerAdditions(new Map([['k8s.aliyun.com/eci-imc-id', 'imc-a']]), EMPTY_PROFILE);
    expect(annotations.size + labels.size).toBe(0);
  });
});

describe('audit annotations', () => {
  it.each([
    ['an outcome', auditAnnotations('NoMatch', undefined, []), { outcome: 'NoMatch' }],
    ['a cache', auditAnnotations('Pinned', 'a', []), { outcome: 'Pinned', cache: 'a' }],
    ['rules', auditAnnotations('NoMatch', undefined, ['a', 'b']), { outcome: 'NoMatch', rules: 'a,b' }],
  ])('spec A3: the audit log is told %s', (_title, actual, expected) => {
    expect(actual).toEqual(expected);
  });

  it.each([
    [
      'a decision',
      '{"outcome":"Pinned","cache":"a","rules":["x","y"]}',
      { outcome: 'Pinned', cache: 'a', rules: 'x,y' },
    ],
    ['parts of other types', '{"outcome":"Pinned","cache":7,"rules":["x",1]}', { outcome: 'Pinned', rules: 'x' }],
    ['no outcome', '{"cache":"a"}', undefined],
    ['no JSON', 'Pinned', undefined],
  ])('spec A3: what a former decision told: %s', (_title, decision, audit) => {
    expect(formerAudit(new Map([['imc-webhook/decision', decision]]))).toEqual(audit);
  });
});
