import { describe, expect, it } from 'vitest';
import type { Check } from '../../src/doctor/check.ts';
import { checkImageCaches, checkProfile, readSettings } from '../../src/doctor/check-content.ts';
import { installationsAmong } from '../../src/doctor/installation.ts';
import type { Answer } from '../../src/doctor/live-cluster.ts';
import { entriesOf } from '../../src/doctor/webhook-entry.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { aConfiguration, aDeployment, anEntry } from './installed.ts';

const [installation] = installationsAmong([aDeployment()]);
if (installation === undefined) throw new Error('not read');

const found = <Value>(value: Value): Answer<Value> => ({ kind: 'found', value });

describe('settings', () => {
  it.each<[string, string, Check['result'], string | undefined, RegExp]>([
    ['nothing', '', 'ok', 'enforce', /^mode enforce$/],
    ['observe', 'mode: observe', 'warning', 'observe', /^mode observe/],
    ['off', 'mode: off', 'warning', 'off', /no pod is acted on/],
    ['off as Helm writes it', 'mode: false', 'warning', 'off', /no pod is acted on/],
    ['YAML that is none', 'mode: [', 'failed', undefined, /imc\.yaml:1:\d+.*replicas keep the settings they had/],
    ['a key that is none', 'moed: off', 'failed', undefined, /moed/],
  ])('%s', (_title, text, result, mode, sentence) => {
    const settings = readSettings(installation, found({ data: { 'imc.yaml': text } }));
    expect(settings.check.found).toMatch(sentence);
    expect(settings.check.result).toBe(result);
    expect(settings.decision?.mode).toBe(mode);
  });

  it('that are gone keep replicas from starting', () => {
    expect(readSettings(installation, { kind: 'absent' }).check.result).toBe('failed');
  });
});

describe('the eci-profile', () => {
  const cluster = entriesOf([aConfiguration()]);
  const labelled = entriesOf([
    {
      ...aConfiguration(),
      webhooks: [
        anEntry({ namespaceSelector: { matchLabels: { 'alibabacloud.com/eci': 'true' } } }),
        anEntry({ objectSelector: { matchExpressions: [{ key: 'eci', operator: 'In', values: ['true'] }] } }),
      ],
    },
  ]);
  const profile = (...rules: JsonObject[]) => found<JsonObject>({ data: { selectors: JSON.stringify(rules) } });
  const rule = (name: string, parts: JsonObject): JsonObject => ({
    name,
    effect: { annotations: { a: 'b' } },
    ...parts,
  });

  it.each<[string, Answer<JsonObject>, Check['result'], RegExp]>([
    ['missing', { kind: 'absent' }, 'ok', /there are no rules/],
    ['empty', found({}), 'ok', /^0 rules$/],
    ['one rule', profile(rule('a', { objectSelector: { matchLabels: { x: 'y' } } })), 'ok', /^1 rule$/],
    ['no JSON', found({ data: { selectors: '[\n{' } }), 'failed', /last good rules are in force: .*line 2/],
    ['a text that is none', found({ data: { selectors: 1 } }), 'failed', /expected a text/],
    ['not to be read', { kind: 'unreadable', problem: 'forbidden', isForbidden: true }, 'skipped', /forbidden/],
  ])('%s', (_title, answer, result, sentence) => {
    const check = checkProfile(answer, cluster);
    expect(check.found).toMatch(sentence);
    expect(check.result).toBe(result);
  });

  it('in scope labelled names the rules that bring no pods (spec S7)', () => {
    const check = checkProfile(
      profile(
        rule('everything', {}),
        rule('by namespace', { namespaceSelector: { matchLabels: { 'alibabacloud.com/eci': 'true', team: 'a' } } }),
        rule('by pod', { objectSelector: { matchExpressions: [{ key: 'eci', operator: 'In', values: ['true'] }] } }),
        rule('by another value', { objectSelector: { matchLabels: { eci: 'yes' } } }),
        rule('by a label of the other kind', { namespaceSelector: { matchLabels: { eci: 'true' } } }),
        rule('by absence', { objectSelector: { matchExpressions: [{ key: 'eci', operator: 'DoesNotExist' }] } }),
      ),
      labelled,
    );
    expect(check).toMatchObject({ result: 'warning' });
    expect(check.found).toMatch(/^6 rules; .*: by another value, by a label of the other kind, by absence$/);
  });
});

describe('ImageCaches', () => {
  const nowMs = Date.parse('2026-06-01T00:00:00Z');
  const cache = (name: string, status: JsonObject): JsonObject => ({
    metadata: { name },
    spec: { images: ['nginx'] },
    status,
  });
  const ready = { phase: 'Ready', imageCacheId: 'imc-1' };

  it.each<[string, Answer<JsonObject[]>, Check['result'], RegExp]>([
    ['one usable', found([cache('a', ready)]), 'ok', /^1 of 1 ImageCaches are usable$/],
    [
      'some usable',
      found([
        cache('a', ready),
        cache('b', { phase: 'Creating' }),
        cache('c', { ...ready, expireDateTime: '2026-06-01T01:00:00Z' }),
      ]),
      'ok',
      /^1 of 3 ImageCaches are usable \(1 NotReady, 1 Expired\)$/,
    ],
    ['none usable', found([cache('b', { phase: 'Failed' })]), 'warning', /^0 of 1/],
    ['none', found([]), 'warning', /^0 of 0/],
    [
      'one that cannot be read',
      found([cache('a', ready), { metadata: { name: 'odd' }, spec: { images: 'x' } }]),
      'warning',
      /1 cannot be read, such as odd/,
    ],
    ['no such resource', { kind: 'absent' }, 'skipped', /see `crd`/],
  ])('%s', (_title, answer, result, sentence) => {
    const check = checkImageCaches(answer, nowMs);
    expect(check.found).toMatch(sentence);
    expect(check.result).toBe(result);
  });
});
