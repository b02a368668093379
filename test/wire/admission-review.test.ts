import { describe, expect, it } from 'vitest';
import { decodeAdmissionReview } from '../../src/wire/admission-review.ts';
import { aPod } from '../support/pod-builder.ts';
import type { ReviewBuilder } from '../support/review-builder.ts';
import { aReview, REVIEW_UID } from '../support/review-builder.ts';

const POD = aPod().withImage('nginx');
const RESOURCE = { group: '', version: 'v1', resource: 'pods' };

describe('well-formed reviews', () => {
  it('spec G1: the creation of a pod is read', () => {
    const request = decodeAdmissionReview(aReview(POD).build());
    expect(request).toMatchObject({
      uid: REVIEW_UID,
      namespace: 'default',
      name: 'web',
      generateName: '',
      operation: 'CREATE',
      dryRun: false,
      subject: { kind: 'pod', pod: { containers: [{ image: 'nginx' }] } },
    });
    expect(request.object).toBe(POD.build());
  });

  it.each([
    ['a group of null', aReview(POD).with(['request', 'resource'], { ...RESOURCE, group: null })],
    ['no group', aReview(POD).with(['request', 'resource', 'group'], undefined)],
    ['a sub-resource of nothing', aReview(POD).with(['request', 'subResource'], '')],
    ['a sub-resource of null', aReview(POD).with(['request', 'subResource'], null)],
    ['no kind', aReview(POD).with(['request', 'kind'], undefined).with(['request', 'requestKind'], undefined)],
    ['another requested resource', aReview(POD).with(['request', 'requestResource', 'version'], 'v2')],
  ])('spec G1: a pod is created with %s', (_title, review) => {
    expect(decodeAdmissionReview(review.build()).subject.kind).toBe('pod');
  });

  it.each([
    ['an update', aReview(POD).forOperation('UPDATE'), 'NotCreate'],
    [
      'a deletion without an object',
      aReview(POD).forOperation('DELETE').with(['request', 'object'], null),
      'NotCreate',
    ],
    ['a connection', aReview(POD).forOperation('CONNECT'), 'NotCreate'],
    ['another spelling', aReview(POD).forOperation('create'), 'NotCreate'],
    ['no operation', aReview(POD).with(['request', 'operation'], undefined), 'NotCreate'],
    ['another resource', aReview(POD).with(['request', 'resource', 'resource'], 'services'), 'NotPod'],
    ['another group', aReview(POD).with(['request', 'resource', 'group'], 'metrics.k8s.io'), 'NotPod'],
    ['another version', aReview(POD).with(['request', 'resource', 'version'], 'v2'), 'NotPod'],
    ['a sub-resource', aReview(POD).with(['request', 'subResource'], 'binding'), 'NotPod'],
    [
      'a sub-resource without an object',
      aReview(POD).with(['request', 'subResource'], 'eviction').with(['request', 'object'], null),
      'NotPod',
    ],
    ['no resource', aReview(POD).with(['request', 'resource'], undefined), 'NotPod'],
    ['a resource of another type', aReview(POD).with(['request', 'resource'], 'pods'), 'NotPod'],
  ] satisfies [string, ReviewBuilder, string][])('spec G1: %s is none of ours', (_title, review, reason) => {
    expect(decodeAdmissionReview(review.build()).subject).toEqual({ kind: 'none', reason });
  });

  it.each([
    ["the request's", aReview(POD.inNamespace('pod')).inNamespace('request'), 'request'],
    ["the pod's own", aReview(POD.inNamespace('pod')).with(['request', 'namespace'], undefined), 'pod'],
    ["the pod's own beside an empty one", aReview(POD.inNamespace('pod')).inNamespace(''), 'pod'],
    ['default', aReview(POD).with(['request', 'namespace'], undefined), 'default'],
    [
      'default beside other types',
      aReview(POD.with(['metadata', 'namespace'], 7)).with(['request', 'namespace'], null),
      'default',
    ],
  ])('spec G2: the namespace is %s', (_title, review, namespace) => {
    expect(decodeAdmissionReview(review.build()).namespace).toBe(namespace);
  });

  it.each([
    ["the request's name", aReview(POD).with(['request', 'name'], 'request'), 'request', ''],
    ["the pod's name", aReview(POD), 'web', ''],
    ['generateName only', aReview(POD.with(['metadata'], { generateName: 'web-' })), '', 'web-'],
    ['no metadata', aReview(POD.with(['metadata'], undefined)), '', ''],
  ])('spec G2: %s', (_title, review, name, generateName) => {
    expect(decodeAdmissionReview(review.build())).toMatchObject({ name, generateName });
  });

  it.each([
    [true, true],
    [false, false],
    [undefined, false],
    [null, false],
    ['true', false],
  ])('spec A7: dryRun %j is %s', (value, dryRun) => {
    expect(decodeAdmissionReview(aReview(POD).with(['request', 'dryRun'], value).build()).dryRun).toBe(dryRun);
  });

  it('spec A7: only the envelope is needed, and unknown parts may be there', () => {
    const body = {
      kind: 'AdmissionReview',
      apiVersion: 'admission.k8s.io/v1',
      future: 1,
      request: { uid: 'x', future: {} },
    };
    expect(decodeAdmissionReview(body)).toMatchObject({
      uid: 'x',
      namespace: 'default',
      subject: { reason: 'NotCreate' },
    });
  });
});

describe('malformed reviews', () => {
  it.each([
    ['null', null, '', 'expected an AdmissionReview object, got null'],
    ['a list', [], '', 'expected an AdmissionReview object, got a list'],
    ['a text', 'x', '', 'expected an AdmissionReview object, got a text'],
    ['a number', 7, '', 'expected an AdmissionReview object, got a number'],
    ['nothing', undefined, '', 'expected an AdmissionReview object, got nothing'],
    ['an empty object', {}, 'apiVersion', 'apiVersion: expected "admission.k8s.io/v1", got nothing'],
    [
      'v1beta1',
      aReview(POD).with(['apiVersion'], 'admission.k8s.io/v1beta1').build(),
      'apiVersion',
      'apiVersion: expected "admission.k8s.io/v1", got "admission.k8s.io/v1beta1"',
    ],
    [
      'an apiVersion of another type',
      aReview(POD).with(['apiVersion'], 1).build(),
      'apiVersion',
      'apiVersion: expected "admission.k8s.io/v1", got a number',
    ],
    ['another kind', aReview(POD).with(['kind'], 'Pod').build(), 'kind', 'kind: expected "AdmissionReview", got "Pod"'],
    [
      'no kind',
      aReview(POD).with(['kind'], undefined).build(),
      'kind',
      'kind: expected "AdmissionReview", got nothing',
    ],
    [
      'no request',
      aReview(POD).with(['request'], undefined).build(),
      'request',
      'request: expected an object, got nothing',
    ],
    [
      'a request of null',
      aReview(POD).with(['request'], null).build(),
      'request',
      'request: expected an object, got null',
    ],
    [
      'a request that is a list',
      aReview(POD).with(['request'], []).build(),
      'request',
      'request: expected an object, got a list',
    ],
    [
      'no uid',
      aReview(POD).with(['request', 'uid'], undefined).build(),
      'request.uid',
      'request.uid: expected a non-empty text, got nothing',
    ],
    [
      'an empty uid',
      aReview(POD).with(['request', 'uid'], '').build(),
      'request.uid',
      'request.uid: expected a non-empty text, got an empty one',
    ],
    [
      'a uid of another type',
      aReview(POD).with(['request', 'uid'], 7).build(),
      'request.uid',
      'request.uid: expected a non-empty text, got a number',
    ],
    [
      'no pod',
      aReview(POD).with(['request', 'object'], undefined).build(),
      'request.object',
      'request.object: expected the pod to be created, got nothing',
    ],
    [
      'a pod of null',
      aReview(POD).with(['request', 'object'], null).build(),
      'request.object',
      'request.object: expected the pod to be created, got null',
    ],
    [
      'a pod that is a list',
      aReview(POD).with(['request', 'object'], []).build(),
      'request.object',
      'request.object: expected the pod to be created, got a list',
    ],
  ])('spec A4: %s: the field is named', (_title, body, field, message) => {
    expect(() => decodeAdmissionReview(body)).toThrow(
      expect.objectContaining({ name: 'MalformedReviewError', code: 'ERR_REVIEW_MALFORMED', field, message }),
    );
  });

  it('spec A4: a message never repeats more than a little of what was sent', () => {
    const body = aReview(POD).with(['kind'], 'x'.repeat(100_000)).build();
    expect(() => decodeAdmissionReview(body)).toThrow(/^kind: expected "AdmissionReview", got "x{80}"$/);
  });
});
