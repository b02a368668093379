import { describe, expect, it } from 'vitest';
import type { AnsweredReview } from '../../src/admission/answered-review.ts';
import type { Comparison } from '../../src/cli/review-comparison.ts';
import { compareAnswers, formatComparisons } from '../../src/cli/review-comparison.ts';
import type { Answered, LevelName } from '../../src/cli/review-level.ts';
import type { Reviewable } from '../../src/cli/review-subjects.ts';
import type { JsonObject } from '../../src/wire/json.ts';

const PIN = 'k8s.aliyun.com/eci-imc-id';
const DECISION = 'imc-webhook/decision';

const POD = { metadata: { labels: { app: 'web' }, annotations: { own: '1' } } };

const REVIEWABLE: Reviewable = {
  title: 'Deployment/web',
  namespace: 'shop',
  review: {},
  uid: '1',
  object: POD,
  written: POD,
};

/** What the engine writes for a complete match by a rule that adds a label and an annotation. */
const RECORD = {
  outcome: 'CompleteMatch',
  cache: 'web',
  id: 'imc-web',
  exact: 1,
  images: 1,
  rules: ['team'],
  added: { annotations: { [PIN]: 'imc-web', 'example.com/a': 'b' }, labels: { team: 'x' } },
};

interface Said {
  readonly record?: JsonObject;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly warnings?: readonly string[];
  readonly answer?: Partial<AnsweredReview>;
  readonly reason?: string;
}

/** A level that allows the pod and stamps it with this record. */
function stamped({
  record = RECORD,
  annotations = {},
  labels = {},
  warnings = [],
  answer = {},
  reason = '',
}: Said = {}): Answered {
  const added = { ...RECORD.added, ...(record['added'] as object) };
  const pod = {
    metadata: {
      labels: { ...POD.metadata.labels, ...added.labels, ...labels },
      annotations: {
        ...POD.metadata.annotations,
        ...added.annotations,
        [DECISION]: JSON.stringify(record),
        ...annotations,
      },
    },
  };
  return {
    reviewable: REVIEWABLE,
    reason,
    body: '',
    answer: {
      allowed: true,
      outcome: String(record['outcome']),
      cache: String(record['cache']),
      message: '',
      warnings,
      patch: [],
      pod,
      decision: record,
      ...answer,
    },
  };
}

/** A level on which nothing was put on the pod. */
function unstamped(answer: Partial<AnsweredReview> = {}, reason = ''): Answered {
  const plain = {
    allowed: true,
    outcome: '',
    cache: '',
    message: '',
    warnings: [],
    patch: [],
    pod: POD,
    decision: undefined,
  };
  return { reviewable: REVIEWABLE, reason, body: '', answer: { ...plain, ...answer } };
}

function compare(levels: Partial<Record<LevelName, Answered>>): Comparison {
  return compareAnswers(new Map(Object.entries(levels) as [LevelName, Answered][]));
}

function fields({ differences }: Comparison): string[] {
  return differences.map(({ field }) => field);
}

describe('what must be the same everywhere', () => {
  it('is the same', () => {
    const comparison = compare({ offline: stamped(), webhook: stamped(), 'API server': stamped() });
    expect(comparison).toMatchObject({ namespace: 'shop', name: 'Deployment/web', equal: true, differences: [] });
    expect(Object.keys(comparison.answers)).toEqual(['offline', 'webhook', 'API server']);
  });

  const other = {
    ...RECORD,
    outcome: 'PartialMatch',
    cache: 'base',
    id: 'imc-base',
    exact: 1,
    images: 2,
    missing: ['x:1'],
  };

  it('a different decision: every part that differs, the text not once more', () => {
    const added = { annotations: { [PIN]: 'imc-base', 'example.com/a': 'b' }, labels: { team: 'x' } };
    const { differences, equal } = compare({
      offline: stamped(),
      'API server': stamped({ record: { ...other, added } }),
    });
    expect(equal).toBe(false);
    expect(differences).toEqual([
      { field: 'outcome', values: { offline: 'CompleteMatch', 'API server': 'PartialMatch' } },
      { field: 'cache', values: { offline: 'web', 'API server': 'base' } },
      { field: 'id', values: { offline: 'imc-web', 'API server': 'imc-base' } },
      { field: 'decision.images', values: { offline: '1', 'API server': '2' } },
      { field: 'decision.missing', values: { offline: null, 'API server': '["x:1"]' } },
      { field: `annotation ${PIN}`, values: { offline: 'imc-web', 'API server': 'imc-base' } },
    ]);
  });

  it('the decision to the byte, if it is only spelt differently', () => {
    const spelt = stamped({ annotations: { [DECISION]: JSON.stringify(RECORD, null, 1) } });
    expect(fields(compare({ offline: stamped(), webhook: spelt }))).toEqual([`annotation ${DECISION}`]);
  });

  it('annotations and labels that a rule adds', () => {
    const less = stamped({
      record: { ...RECORD, rules: [], added: { annotations: { [PIN]: 'imc-web' }, labels: {} } },
    });
    expect(fields(compare({ offline: stamped(), webhook: less }))).toEqual([
      'decision.rules',
      'annotation example.com/a',
      'label team',
    ]);
    expect(fields(compare({ webhook: less, 'API server': stamped() }))).toEqual([
      'decision.rules',
      'annotation example.com/a',
      'label team',
    ]);
  });

  it('whether it is allowed, and the message of a refusal', () => {
    const denied = unstamped({ allowed: false, outcome: 'PinNotReady', cache: 'web', message: 'wait' });
    const { differences } = compare({ offline: denied, webhook: unstamped({ ...denied.answer, message: 'go' }) });
    expect(differences).toEqual([{ field: 'message', values: { offline: 'wait', webhook: 'go' } }]);
    expect(fields(compare({ offline: denied, webhook: stamped() }))).toEqual(
      expect.arrayContaining(['allowed', 'message', 'outcome']),
    );
  });

  it('why a pod is skipped, offline and by the webhook', () => {
    const [eci, off] = [unstamped({ outcome: 'Skipped' }, 'NotEci'), unstamped({ outcome: 'Skipped' }, 'Off')];
    expect(compare({ offline: eci, webhook: off }).differences).toEqual([
      { field: 'reason', values: { offline: 'NotEci', webhook: 'Off' } },
    ]);
  });

  it('warnings, in order', () => {
    const [ab, ba] = [stamped({ warnings: ['a', 'b'] }), stamped({ warnings: ['b', 'a'] })];
    expect(compare({ offline: ab, webhook: ba }).differences).toEqual([
      { field: 'warnings', values: { offline: 'a\nb', webhook: 'b\na' } },
    ]);
  });
});

describe('what an API server may add', () => {
  it('annotations and labels of others', () => {
    const more = stamped({ annotations: { 'kubernetes.io/limit-ranger': 'x' }, labels: { sidecar: 'y' } });
    expect(compare({ offline: stamped(), 'API server': more }).equal).toBe(true);
    expect(compare({ offline: stamped(), webhook: more }).equal).toBe(false);
  });

  it('not a key of ours', () => {
    const more = stamped({ annotations: { 'k8s.aliyun.com/eci-auto-imc': 'true' } });
    expect(fields(compare({ offline: stamped(), 'API server': more }))).toEqual([
      'annotation k8s.aliyun.com/eci-auto-imc',
    ]);
  });

  it('not another value of what we add', () => {
    const other = stamped({ labels: { team: 'other' } });
    expect(fields(compare({ offline: stamped(), 'API server': other }))).toEqual(['label team']);
  });

  it('warnings of others, but ours must be among them', () => {
    const ours = stamped({ warnings: ['ours'] });
    expect(compare({ offline: ours, 'API server': stamped({ warnings: ['theirs', 'ours'] }) }).equal).toBe(true);
    expect(compare({ offline: ours, 'API server': stamped({ warnings: ['theirs'] }) }).differences).toEqual([
      { field: 'warnings', values: { offline: 'ours', 'API server': null } },
    ]);
  });

  it('nothing about a pod it refuses but message and warnings', () => {
    const denied = unstamped({ allowed: false, outcome: 'PinNotReady', cache: 'web', message: 'wait' });
    const refused = unstamped({ allowed: false, message: 'wait' }, 'by imc.example.com');
    expect(compare({ offline: denied, 'API server': refused }).equal).toBe(true);
    const elsewhere = unstamped({ allowed: false, message: 'no' }, 'by policy.example.com');
    expect(fields(compare({ offline: denied, 'API server': elsewhere }))).toEqual(['message']);
  });

  it.each([
    ['the webhook answers', 'Skipped', ''],
    ['the webhook does not answer', '', 'NoDecision'],
  ])('a skipped pod has no decision there, whether or not %s', (_title, outcome, reason) => {
    const skipped = unstamped({ outcome: 'Skipped' }, 'SystemNamespace');
    expect(compare({ offline: skipped, webhook: skipped, 'API server': unstamped({ outcome }, reason) }).equal).toBe(
      true,
    );
  });

  it('no decision on a pod that others decide on is a difference', () => {
    const { differences } = compare({ offline: stamped(), 'API server': unstamped({}, 'NoDecision') });
    expect(differences[0]).toEqual({
      field: 'outcome',
      values: { offline: 'CompleteMatch', 'API server': 'no decision' },
    });
  });
});

describe('formatComparisons', () => {
  const levels: LevelName[] = ['offline', 'API server'];

  it('shows answers side by side, and what differs field by field', async () => {
    const same = compare({ offline: stamped(), 'API server': stamped() });
    const other = compare({ offline: stamped({ warnings: ['a', 'b'] }), 'API server': unstamped({}, 'NoDecision') });
    const text = formatComparisons([same, other], levels, false);
    await expect(text).toMatchFileSnapshot('expected/review-comparison.txt');
  });

  it('says who cannot tell', () => {
    const denied = unstamped({ allowed: false, outcome: 'PinNotReady', message: 'wait' });
    const skipped = unstamped({ outcome: 'Skipped' }, 'NotEci');
    const comparison = compare({
      offline: denied,
      webhook: skipped,
      'API server': unstamped({ allowed: false, message: 'no' }),
    });
    expect(formatComparisons([comparison], ['offline', 'webhook', 'API server'], false)).toContain(
      'outcome   offline      PinNotReady\n          webhook      Skipped\n          API server   (cannot tell)\n',
    );
  });

  it('says that all is the same', () => {
    const same = compare({ offline: stamped(), webhook: stamped(), 'API server': stamped() });
    expect(formatComparisons([same], ['offline', 'webhook', 'API server'], false)).toMatch(
      /\n\noffline, webhook and API server say the same of 1 pod\n$/,
    );
  });
});
