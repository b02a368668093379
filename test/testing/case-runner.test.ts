import { describe, expect, it } from 'vitest';
import { formatProblem } from '../../src/testing/case-problem.ts';
import type { CaseResult } from '../../src/testing/case-runner.ts';
import { formatDifference } from '../../src/testing/difference-text.ts';
import { A_POD, aCacheObject, aDocument, aDocumentWith, aProfileObject, runText } from './cases.ts';

const BOTH = aCacheObject('both', ['nginx:1.27.0', 'busybox:1.36.1']);
const ONE = aCacheObject('one', ['nginx:1.27.0']);
const PROFILE = aProfileObject([
  { name: 'cost', effect: { labels: { 'cost-centre': 'shop' } } },
  { name: 'team', namespaceSelector: { matchLabels: { team: 'a' } }, effect: { annotations: { 'a.example/b': 'c' } } },
]);
const PIN = 'k8s.aliyun.com/eci-imc-id';
const AUTO = 'k8s.aliyun.com/eci-auto-imc';

/** One case about a pod that gets the cache `both`. */
async function resultOf(
  expected: object,
  definition: Readonly<Record<string, unknown>> = {},
  parts: Readonly<Record<string, unknown>> = { resources: [BOTH, ONE, PROFILE] },
): Promise<CaseResult> {
  const [result] = await runText(aDocumentWith({ ...definition, expect: expected }, parts));
  if (result === undefined) throw new Error('there is one case');
  return result;
}

function withAnnotations(annotations: Readonly<Record<string, string>>): object {
  return { ...A_POD, metadata: { ...A_POD.metadata, annotations } };
}

describe('a case passes if what it expects comes', () => {
  it.each<{ title: string; expected: object; definition?: Record<string, unknown>; parts?: Record<string, unknown> }>([
    { title: 'the outcome', expected: { outcome: 'CompleteMatch' } },
    { title: 'the cache by name', expected: { cache: 'both' } },
    { title: 'the pin among annotations', expected: { annotations: { [PIN]: 'imc-both' } } },
    { title: 'a label of a rule', expected: { labels: { 'cost-centre': 'shop' } } },
    { title: 'a label of the pod itself', expected: { labels: { eci: 'true' } } },
    { title: 'a key that stays away', expected: { absent: [AUTO] } },
    { title: 'no warning', expected: { warnings: [] } },
    { title: 'that nothing is missing', expected: { missing: [] } },
    {
      title: 'missing images, however they are written, in any order',
      expected: { missing: ['docker.io/library/busybox:1.36.1', 'nginx:1.27.0'], creates: true },
      parts: { resources: [] },
      definition: {},
    },
    { title: 'the rules that match', expected: { rules: ['cost'] } },
    {
      title: 'rules in any order, by labels that the case gives its namespace',
      expected: { rules: ['team', 'cost'] },
      definition: { namespaceLabels: { team: 'a' } },
    },
    {
      title: 'all that is added, and nothing else',
      expected: { annotations: { [PIN]: 'imc-both' }, labels: { 'cost-centre': 'shop' }, exact: true },
    },
    { title: 'that no cache is wanted', expected: { creates: false } },
    { title: 'that one is wanted', expected: { creates: true }, parts: { resources: [ONE] } },
    {
      title: 'that a dry run creates none',
      expected: { creates: false, outcome: 'PartialMatch' },
      parts: { resources: [ONE] },
      definition: { dryRun: true },
    },
    {
      title: 'that mode observe creates none',
      expected: { creates: false, outcome: 'PartialMatch' },
      parts: { resources: [ONE], config: { mode: 'observe' } },
    },
    {
      title: 'that an update is none of ours',
      expected: { outcome: 'Skipped', reason: 'NotCreate', exact: true },
      definition: { operation: 'UPDATE' },
    },
    {
      title: 'that a deletion is none of ours',
      expected: { outcome: 'Skipped', reason: 'NotCreate' },
      definition: { operation: 'DELETE' },
    },
    {
      title: 'a namespace of the case in place of the pod’s own',
      expected: { outcome: 'Skipped', reason: 'SystemNamespace' },
      definition: { namespace: 'kube-system' },
    },
    {
      title: 'a setting of the document',
      expected: { outcome: 'PartialMatch', annotations: { [AUTO]: 'true' }, absent: [PIN] },
      parts: { resources: [ONE], config: { partialMatch: 'delegate' } },
    },
    {
      title: 'the time of the document',
      expected: { outcome: 'NoMatch' },
      parts: {
        resources: [aCacheObject('old', ['nginx:1.27.0'], { expireDateTime: '2020-01-01T00:00:00Z' })],
        now: '2020-01-01T00:00:01Z',
      },
    },
    {
      title: 'the same cache in time',
      expected: { outcome: 'PartialMatch', cache: 'old' },
      parts: {
        resources: [aCacheObject('old', ['nginx:1.27.0'], { expireDateTime: '2020-01-01T00:00:00Z' })],
        now: '2019-12-31T00:00:00Z',
      },
    },
    {
      title: 'a warning that matches',
      expected: { outcome: 'PinUnknown', warnings: ['^no ImageCache here has the id imc-far'] },
      definition: { pod: withAnnotations({ [PIN]: 'imc-far' }) },
    },
    {
      title: 'a refusal, its cache and its message',
      expected: { allowed: false, outcome: 'PinNotReady', cache: 'new', rules: [], message: 'pins ImageCache new' },
      definition: { pod: withAnnotations({ [PIN]: 'imc-new' }) },
      parts: { resources: [aCacheObject('new', ['a'], { phase: 'Creating' })], config: { unreadyPin: 'deny' } },
    },
    {
      title: 'of two objects of one name the later',
      expected: { outcome: 'NoMatch' },
      parts: { resources: [BOTH, aCacheObject('both', ['other:1'])] },
    },
  ])('$title', async ({ expected, definition = {}, parts }) => {
    const { status, differences, problems } = await resultOf(expected, definition, parts);
    expect({ status, differences, problems }).toEqual({ status: 'passed', differences: [], problems: [] });
  });

  it('takes a pod from a file, one of several, a workload, or a review that was written down', async () => {
    const other = { ...A_POD, metadata: { ...A_POD.metadata, name: 'other', namespace: 'kube-system' } };
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'shop' },
      spec: { template: { metadata: A_POD.metadata, spec: A_POD.spec } },
    };
    const review = {
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      request: {
        uid: 'a',
        operation: 'CREATE',
        resource: { version: 'v1', resource: 'pods' },
        namespace: 'shop',
        object: A_POD,
      },
    };
    const files = {
      'pods.yaml': [A_POD, other, deployment].map((object) => JSON.stringify(object)).join('\n---\n'),
      'deployment.yaml': JSON.stringify(deployment),
      'review.json': JSON.stringify(review),
    };
    const cases = [
      { pod: 'deployment.yaml', expect: { outcome: 'CompleteMatch' } },
      { pod: { file: 'pods.yaml', name: 'Pod/web' }, expect: { outcome: 'CompleteMatch' } },
      { pod: { file: 'pods.yaml', name: 'other' }, expect: { outcome: 'Skipped', reason: 'SystemNamespace' } },
      { pod: { file: 'pods.yaml', name: 'other' }, namespace: 'shop', expect: { outcome: 'CompleteMatch' } },
      { pod: 'review.json', expect: { outcome: 'CompleteMatch' } },
      { pod: 'review.json', namespace: 'kube-public', expect: { outcome: 'Skipped', reason: 'SystemNamespace' } },
      { pod: review, operation: 'UPDATE', expect: { outcome: 'Skipped', reason: 'NotCreate' } },
    ].map((definition, i) => ({ name: `case ${i}`, ...definition }));
    const results = await runText(aDocument({ resources: [BOTH], cases }), files);
    expect(results.map(({ status, problems }) => [status, ...problems.map(formatProblem)])).toEqual(
      cases.map(() => ['passed']),
    );
  });

  it('sends the pod as the API server would: with its pull policies, in the namespace of the case', async () => {
    const { answered } = await resultOf({ outcome: 'CompleteMatch' }, { namespace: 'shop' });
    expect(answered?.review.review).toMatchObject({
      request: {
        namespace: 'shop',
        operation: 'CREATE',
        dryRun: false,
        object: { spec: { containers: [{ imagePullPolicy: 'IfNotPresent' }, { imagePullPolicy: 'IfNotPresent' }] } },
      },
    });
  });
});

describe('a case fails if something else comes, field by field', () => {
  it.each<{
    title: string;
    expected: object;
    definition?: Record<string, unknown>;
    parts?: Record<string, unknown>;
    shows: string[];
  }>([
    {
      title: 'another outcome',
      expected: { outcome: 'NoMatch' },
      shows: ['outcome', '- NoMatch', '+ CompleteMatch'],
    },
    { title: 'another cache', expected: { cache: 'one' }, shows: ['cache', '- one', '+ both'] },
    {
      title: 'no cache',
      expected: { cache: 'one' },
      definition: { pod: withAnnotations({ [AUTO]: 'false' }) },
      shows: ['cache', '- one', '+ (none)'],
    },
    {
      title: 'another value, and none at all',
      expected: { annotations: { [PIN]: 'imc-one', 'a.example/b': 'c' } },
      shows: [`annotations["${PIN}"]`, '- imc-one', '+ imc-both', 'annotations["a.example/b"]', '- c', '+ (none)'],
    },
    {
      title: 'a key that should be absent',
      expected: { absent: ['cost-centre'] },
      shows: ['absent.cost-centre', '- (none)', '+ shop'],
    },
    {
      title: 'something more than expected, where the case is exact',
      expected: { annotations: { [PIN]: 'imc-both' }, exact: true },
      shows: ['labels.cost-centre', '- (none)', '+ shop'],
    },
    {
      title: 'a warning more than expected, where the case is exact',
      expected: { exact: true },
      parts: { resources: [] },
      definition: { pod: withAnnotations({ [PIN]: 'imc-far' }) },
      shows: ['warnings', '- (none)', '+ no ImageCache here has the id imc-far that is pinned; the region may hold it'],
    },
    {
      title: 'a warning where none is expected',
      expected: { warnings: [] },
      definition: { pod: withAnnotations({ [PIN]: 'imc-far' }) },
      shows: ['warnings', '- (none)', '+ no ImageCache here has the id imc-far that is pinned; the region may hold it'],
    },
    {
      title: 'no warning where one is expected',
      expected: { warnings: ['is Creating'] },
      shows: ['warnings', '- /is Creating/', '+ (none)'],
    },
    {
      title: 'another rule',
      expected: { rules: ['cost', 'team'] },
      shows: ['rules', '  cost', '- team'],
    },
    { title: 'a rule more', expected: { rules: [] }, shows: ['rules', '+ cost', '- (none)'] },
    {
      title: 'fewer images missing',
      expected: { missing: ['nginx:1.27.0'] },
      shows: ['missing', '- nginx:1.27.0', '+ (none)'],
    },
    {
      title: 'a cache that is wanted',
      expected: { creates: false },
      parts: { resources: [ONE] },
      shows: ['creates', '- false', '+ true'],
    },
    {
      title: 'a refusal, though the case does not say that the pod is admitted',
      expected: { outcome: 'PinNotReady' },
      definition: { pod: withAnnotations({ [PIN]: 'imc-new' }) },
      parts: { resources: [aCacheObject('new', ['a'], { phase: 'Creating' })], config: { unreadyPin: 'deny' } },
      shows: ['allowed', '- true', '+ false'],
    },
    {
      title: 'no refusal where one is expected',
      expected: { allowed: false, message: 'Wait' },
      shows: ['allowed', '- false', '+ true', 'message', '- /Wait/', '+ (none)'],
    },
    {
      title: 'another reason',
      expected: { outcome: 'Skipped', reason: 'NotEci' },
      definition: { namespace: 'kube-system' },
      shows: ['reason', '- NotEci', '+ SystemNamespace'],
    },
  ])('$title', async ({ expected, definition = {}, parts, shows }) => {
    const { status, differences } = await resultOf(expected, definition, parts);
    expect(status).toBe('failed');
    expect(differences.flatMap(formatDifference)).toEqual(shows);
  });
});

describe('a case that expects what does not exist is an error, not a pass', () => {
  it.each<{ title: string; expected: object; parts?: Record<string, unknown>; says: RegExp }>([
    { title: 'a cache', expected: { cache: 'bothe' }, says: /expect\.cache: no ImageCache .* did you mean both\?$/ },
    {
      title: 'a cache by its id',
      expected: { cache: 'imc-both' },
      says: /expect\.cache: this is the id of an ImageCache; write its name, both$/,
    },
    {
      title: 'a cache where there is none',
      expected: { cache: 'both' },
      parts: { resources: [PROFILE] },
      says: /expect\.cache: there is no ImageCache among the resources; add it$/,
    },
    {
      title: 'a pin that no cache has',
      expected: { annotations: { [PIN]: 'imc-bot' } },
      says: /annotations\["k8s.*: no ImageCache of the resources has this id; did you mean imc-both\?$/,
    },
    {
      title: 'a pin by name',
      expected: { annotations: { [PIN]: 'both' } },
      says: /this is the name of an ImageCache; write its id, imc-both$/,
    },
    {
      title: 'a rule',
      expected: { rules: ['costs'] },
      says: /expect\.rules\[0\]: the eci-profile has no rule of this name; did you mean cost\?$/,
    },
    {
      title: 'a rule where there is none',
      expected: { rules: ['cost'] },
      parts: { resources: [BOTH] },
      says: /expect\.rules\[0\]: there is no rule among the resources; add the ConfigMap kube-system\/eci-profile$/,
    },
    {
      title: 'an image of the pod',
      expected: { missing: ['nginx:1.26'] },
      says: /expect\.missing\[0\]: the pod has no such image/,
    },
    {
      title: 'a key that nothing could add',
      expected: { absent: ['k8s.aliyun.com/eci-imc-ids'] },
      says: /expect\.absent\[0\]: nothing could put this key on the pod.*did you mean k8s\.aliyun\.com\/eci-imc-id\?$/,
    },
  ])('$title', async ({ expected, parts, says }) => {
    const { status, problems, answered } = await resultOf(expected, {}, parts);
    expect({ status, answered }).toEqual({ status: 'error', answered: undefined });
    expect(problems.map(formatProblem).join('\n')).toMatch(says);
    expect(problems.map(formatProblem).join('\n')).toMatch(/^web\.imctest\.yaml:1:\d+: cases\[0\]\.expect/);
  });

  it('though a pin that the pod has itself, or a rule sets, need not be a cache’s', async () => {
    const expected = { annotations: { [PIN]: 'imc-far' } };
    const own = await resultOf(expected, { pod: withAnnotations({ [PIN]: 'imc-far' }) });
    const rule = aProfileObject([{ name: 'pin', effect: { annotations: { [PIN]: 'imc-far' } } }]);
    const ruled = await resultOf(expected, {}, { resources: [rule] });
    expect([own.status, ruled.status]).toEqual(['passed', 'passed']);
  });

  it.each([
    { title: 'a file that is not there', pod: 'nowhere.yaml', says: /^nowhere\.yaml: no such file$/ },
    {
      title: 'a file without a pod',
      pod: 'cache.json',
      says: /^web\.imctest\.yaml:1:\d+: cases\[0\]\.pod: cache\.json holds no pod; expected a Pod, an AdmissionReview/,
    },
    {
      title: 'a file with several pods',
      pod: 'pods.yaml',
      says: /holds several pods \(Pod\/web, Pod\/api, Job\/api\); say which, as in pod: \{file: pods\.yaml, name: Pod\/web\}$/,
    },
    {
      title: 'a pod that the file does not hold',
      pod: { file: 'pods.yaml', name: 'Pod/webb' },
      says: /cases\[0\]\.pod\.name: pods\.yaml holds no pod "Pod\/webb"; did you mean Pod\/web\?$/,
    },
    {
      title: 'a name that two pods have',
      pod: { file: 'pods.yaml', name: 'api' },
      says: /holds several pods called "api" \(Pod\/api, Job\/api\); say the kind too/,
    },
    {
      title: 'an object without a pod',
      pod: { apiVersion: 'v1', kind: 'Service' },
      says: /cases\[0\]\.pod: a Service has no pod; expected a Pod/,
    },
    {
      title: 'a pod with a label that is no text',
      pod: { ...A_POD, metadata: { labels: { a: 1 } } },
      says: /^web\.imctest\.yaml:1:\d+: metadata\.labels\.a: expected a text; put it in quotes: "1"$/,
    },
  ])('a pod: $title', async ({ pod, says }) => {
    const api = { ...A_POD, metadata: { name: 'api' } };
    const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'api' }, spec: { template: A_POD } };
    const files = {
      'cache.json': JSON.stringify(BOTH),
      'pods.yaml': [A_POD, api, job].map((object) => JSON.stringify(object)).join('\n---\n'),
    };
    const [result] = await runText(aDocumentWith({ pod, expect: { outcome: 'NoMatch' } }), files);
    expect(result?.status).toBe('error');
    expect(result?.problems.map(formatProblem).join('\n')).toMatch(says);
  });

  it.each<{ title: string; resources: readonly unknown[]; says: RegExp }>([
    { title: 'a file that is not there', resources: ['nowhere.yaml'], says: /^nowhere\.yaml: no such file$/ },
    {
      title: 'a file that adds nothing',
      resources: ['pod.json'],
      says: /:1:\d+: resources\[0\]: pod\.json adds nothing to the cluster; expected ImageCache \(eci\.alibabacloud\.com\)/,
    },
    {
      title: 'an object that is no part of it',
      resources: [BOTH, A_POD],
      says: /:1:\d+: resources\[1\]: a Pod is no part of it; expected ImageCache/,
    },
    {
      title: 'an eci-profile where nobody reads it',
      resources: [aProfileObject([], 'default')],
      says: /resources\[0\]: the eci-profile is read in namespace kube-system only/,
    },
    {
      title: 'an eci-profile in a file, where nobody reads it',
      resources: ['stray.json'],
      says: /^stray\.json:1:\d+: metadata\.namespace: the eci-profile is read in namespace kube-system only/,
    },
    {
      title: 'the same cache twice in one entry',
      resources: ['twice.yaml'],
      says: /^twice\.yaml:3:\d+: metadata\.name: ImageCache both stands twice in twice\.yaml; remove one$/,
    },
    {
      title: 'an eci-profile that is not valid (spec P6)',
      resources: [aProfileObject([{ name: '' }])],
      says: /web\.imctest\.yaml:1:\d+: .*selectors\[0\]\.name: a rule needs a name that is not empty$/,
    },
    {
      title: 'a cache that is not valid',
      resources: [aCacheObject('', [])],
      says: /^web\.imctest\.yaml:.*name/,
    },
  ])('a cluster: $title', async ({ resources, says }) => {
    const files = {
      'pod.json': JSON.stringify(A_POD),
      'stray.json': JSON.stringify(aProfileObject([], 'default')),
      'twice.yaml': [BOTH, BOTH].map((object) => JSON.stringify(object)).join('\n---\n'),
    };
    await expect(runText(aDocument({ resources }), files)).rejects.toThrow(says);
  });
});
