import { describe, expect, it } from 'vitest';
import { decodeAdmissionReview } from '../../src/wire/admission-review.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import type { ReviewSubject } from '../../src/wire/workload.ts';
import { reviewOfPod, reviewSubjectOf, withDefaultPullPolicies } from '../../src/wire/workload.ts';
import { DIGEST_A } from '../support/digests.ts';
import { withMember } from '../support/json-edit.ts';
import { aPod } from '../support/pod-builder.ts';
import { aReview } from '../support/review-builder.ts';

function subjectOf(value: JsonObject): ReviewSubject | undefined {
  return reviewSubjectOf({ value, origin: { file: 'it.yaml', position: () => undefined } });
}

const SPEC = { containers: [{ name: 'c', image: 'nginx' }] };
const TEMPLATE = { metadata: { labels: { app: 'web' } }, spec: SPEC };

function workload(apiVersion: string, kind: string, path: readonly string[], template: unknown = TEMPLATE): JsonObject {
  return withMember({ apiVersion, kind, metadata: { name: 'web', namespace: 'team-a' } }, path, template);
}

describe('reviewSubjectOf', () => {
  it('section 8: a pod is taken as it is', () => {
    const pod = aPod().inNamespace('team-a').withImage('nginx').build();
    expect(subjectOf(pod)).toEqual({ kind: 'pod', pod, written: pod, namespace: 'team-a', title: 'Pod/web' });
  });

  it('section 8: a review is taken as it is, and is called after its object', () => {
    const review = aReview(aPod()).build();
    expect(subjectOf(review)).toEqual({ kind: 'review', review, title: 'Pod/web' });
  });

  it.each([
    ['a Deployment', 'apps/v1', 'Deployment', ['spec', 'template'], { apiVersion: 'apps/v1', kind: 'ReplicaSet' }],
    ['a StatefulSet', 'apps/v1', 'StatefulSet', ['spec', 'template'], { apiVersion: 'apps/v1', kind: 'StatefulSet' }],
    ['a DaemonSet', 'apps/v1', 'DaemonSet', ['spec', 'template'], { apiVersion: 'apps/v1', kind: 'DaemonSet' }],
    ['a Job', 'batch/v1', 'Job', ['spec', 'template'], { apiVersion: 'batch/v1', kind: 'Job' }],
    [
      'a CronJob',
      'batch/v1',
      'CronJob',
      ['spec', 'jobTemplate', 'spec', 'template'],
      { apiVersion: 'batch/v1', kind: 'Job' },
    ],
    [
      'any kind with a template',
      'argoproj.io/v1',
      'Rollout',
      ['spec', 'template'],
      { apiVersion: 'argoproj.io/v1', kind: 'Rollout' },
    ],
  ])('section 8: %s stands for the pods its controller makes', (_title, apiVersion, kind, path, owner) => {
    const metadata = { generateName: 'web-', labels: { app: 'web' }, namespace: 'team-a' };
    const written = { apiVersion: 'v1', kind: 'Pod', metadata, spec: SPEC };
    const ownerReferences = [{ ...owner, name: 'web', controller: true }];
    expect(subjectOf(workload(apiVersion, kind, path))).toEqual({
      kind: 'pod',
      title: `${kind}/web`,
      namespace: 'team-a',
      pod: { ...written, metadata: { ...metadata, ownerReferences } },
      written,
    });
  });

  it('a StatefulSet: the volumes of its claims are there, as its controller adds them', () => {
    const volumes = [
      { name: 'tmp', emptyDir: {} },
      { name: 'data', emptyDir: {} },
    ];
    const template = { metadata: {}, spec: { ...SPEC, volumes } };
    const set = withMember(
      workload('apps/v1', 'StatefulSet', ['spec', 'template'], template),
      ['spec', 'volumeClaimTemplates'],
      [{ metadata: { name: 'data' } }, { metadata: { name: 'log' } }, {}],
    );
    const spec = {
      ...SPEC,
      volumes: [
        { name: 'tmp', emptyDir: {} },
        { name: 'data', persistentVolumeClaim: { claimName: 'data-web-0' } },
        { name: 'log', persistentVolumeClaim: { claimName: 'log-web-0' } },
      ],
    };
    expect(subjectOf(set)).toMatchObject({ pod: { spec }, written: { spec } });
  });

  it('section 8: a PodTemplate owns no pods', () => {
    const subject = subjectOf(workload('v1', 'PodTemplate', ['template']));
    expect(subject).toMatchObject({ kind: 'pod', title: 'PodTemplate/web' });
    expect(subject?.kind === 'pod' && subject.pod['metadata']).not.toHaveProperty('ownerReferences');
  });

  it.each([
    ['a Service', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'x' }, spec: {} }],
    ['a Pod of another group', { apiVersion: 'example.com/v1', kind: 'Pod', spec: SPEC }],
    ['a template without containers', workload('x/v1', 'X', ['spec', 'template'], { spec: {} })],
    ['a template that is a text', workload('x/v1', 'X', ['spec', 'template'], 'x')],
    ['an empty object', {}],
  ])('section 8: %s stands for no pod', (_title, object) => {
    expect(subjectOf(object)).toBeUndefined();
  });

  it('section 8: a review that the server would refuse is pointed at in its file', () => {
    const review = aReview(aPod()).with(['request', 'uid'], '').build();
    expect(() => subjectOf(review)).toThrow('it.yaml: request.uid: expected a non-empty text, got an empty one');
    const old = aReview(aPod()).with(['apiVersion'], 'admission.k8s.io/v1beta1').build();
    expect(() => subjectOf(old)).toThrow('it.yaml: apiVersion: expected "admission.k8s.io/v1"');
  });

  it.each([
    [
      'a label of a pod',
      aPod().withLabel('a', 1).build(),
      'it.yaml: metadata.labels.a: expected a text; put it in quotes: "1"',
    ],
    [
      'an annotation of a template',
      workload('apps/v1', 'Deployment', ['spec', 'template'], {
        ...TEMPLATE,
        metadata: { annotations: { 'x.io/a': true } },
      }),
      'it.yaml: spec.template.metadata.annotations["x.io/a"]: expected a text; put it in quotes: "true"',
    ],
    [
      'an image',
      aPod()
        .with(['spec', 'containers'], [{ image: 'a' }, { image: 7 }])
        .build(),
      'it.yaml: spec.containers[1].image: expected an image reference',
    ],
  ])('section 8: %s that is no text is refused by name', (_title, object, message) => {
    expect(() => subjectOf(object)).toThrow(expect.objectContaining({ message }));
  });
});

describe('withDefaultPullPolicies', () => {
  it.each([
    ['nginx', undefined, 'Always'],
    ['nginx:latest', undefined, 'Always'],
    ['nginx:1', undefined, 'IfNotPresent'],
    [`nginx@${DIGEST_A}`, undefined, 'IfNotPresent'],
    ['Bad', undefined, 'IfNotPresent'],
    ['nginx', 'Never', 'Never'],
    ['nginx:1', '', 'IfNotPresent'],
  ])('section 8: %s with policy %s gets %s', (image, policy, expected) => {
    const pod = aPod().withImage(image, policy).withInitImage(image, policy).build();
    expect(withDefaultPullPolicies(pod)['spec']).toEqual({
      containers: [{ name: 'c', image, imagePullPolicy: expected }],
      initContainers: [{ name: 'c', image, imagePullPolicy: expected }],
    });
  });

  it('section 8: the pod given is not changed, and one without a spec stays as it is', () => {
    const pod = aPod().withImage('nginx').build();
    const before = structuredClone(pod);
    withDefaultPullPolicies(pod);
    expect(pod).toEqual(before);
    expect(withDefaultPullPolicies({ kind: 'Pod' })).toEqual({ kind: 'Pod' });
    expect(withDefaultPullPolicies({ spec: { containers: ['x', null] } })).toEqual({
      spec: { containers: ['x', null] },
    });
  });
});

describe('reviewOfPod', () => {
  it('section 8: is what the API server would send, and always a dry run', () => {
    const pod = aPod().withImage('nginx').build();
    expect(decodeAdmissionReview(reviewOfPod(pod, 'team-a', 'uid-1'))).toMatchObject({
      uid: 'uid-1',
      namespace: 'team-a',
      name: 'web',
      operation: 'CREATE',
      dryRun: true,
      object: pod,
      subject: { kind: 'pod' },
    });
    expect(reviewOfPod({ metadata: { generateName: 'web-' } }, 'a', 'u')['request']).not.toHaveProperty('name');
  });
});
