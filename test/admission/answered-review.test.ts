import { describe, expect, it } from 'vitest';
import { readAnsweredReview } from '../../src/admission/answered-review.ts';
import { aCluster } from '../support/cluster-builder.ts';
import { anImageCache } from '../support/image-cache-builder.ts';
import { anEciPod, aPod } from '../support/pod-builder.ts';
import { review } from '../support/review.ts';
import { REVIEW_UID } from '../support/review-builder.ts';

const POD = anEciPod().withImage('nginx:1');
const CLUSTER = { caches: [anImageCache('a').holding('nginx:1')] };

function body(response: unknown): string {
  return JSON.stringify({ kind: 'AdmissionReview', response });
}

function encode(patch: unknown): string {
  return Buffer.from(typeof patch === 'string' ? patch : JSON.stringify(patch)).toString('base64');
}

describe('readAnsweredReview', () => {
  it('section 8: reads our own answer, with the patch applied', () => {
    const answer = review(POD, aCluster(CLUSTER));
    const object = POD.build();
    expect(readAnsweredReview(REVIEW_UID, object, answer.text)).toEqual({
      allowed: true,
      outcome: 'CompleteMatch',
      cache: 'a',
      message: '',
      warnings: [],
      patch: answer.patch,
      pod: answer.pod,
      decision: answer.decision,
    });
    expect(object).toEqual(POD.build());
  });

  it('section 8: reads an answer that changes nothing, because the decision was right already', () => {
    const first = review(POD, aCluster(CLUSTER));
    const again = review(first.pod, aCluster(CLUSTER));
    expect(readAnsweredReview(REVIEW_UID, first.pod, again.text)).toMatchObject({
      outcome: 'CompleteMatch',
      patch: [],
      pod: first.pod,
      decision: { outcome: 'CompleteMatch', cache: 'a' },
    });
  });

  it('section 8: reads a denial', () => {
    const pinned = POD.withAnnotation('k8s.aliyun.com/eci-imc-id', 'imc-a');
    const caches = [anImageCache('a').inPhase('Failed')];
    const { text, verdict } = review(pinned, aCluster({ caches }), { unreadyPin: 'deny' });
    expect(readAnsweredReview(REVIEW_UID, pinned.build(), text)).toMatchObject({
      allowed: false,
      outcome: 'PinNotReady',
      cache: 'a',
      message: verdict.message,
      patch: [],
    });
  });

  it("section 8: an old decision on a pod that was skipped is not this answer's", () => {
    const pod = aPod().withAnnotation('imc-webhook/decision', '{"outcome":"CompleteMatch","cache":"a"}').build();
    expect(readAnsweredReview(REVIEW_UID, pod, review(pod, aCluster()).text)).toMatchObject({
      outcome: 'Skipped',
      decision: undefined,
    });
  });

  it('section 8: without an audited outcome the decision tells it', () => {
    const pod = aPod().withAnnotation('imc-webhook/decision', '{"outcome":"NoMatch"}').build();
    const answer = readAnsweredReview('u', pod, body({ uid: 'u', allowed: true }));
    expect(answer).toMatchObject({ outcome: 'NoMatch', decision: { outcome: 'NoMatch' } });
  });

  it('section 8: a decision that cannot be read is none', () => {
    const pod = aPod().withAnnotation('imc-webhook/decision', '{').build();
    expect(readAnsweredReview('u', pod, body({ uid: 'u', allowed: true, warnings: ['a', 7] }))).toMatchObject({
      outcome: '',
      decision: undefined,
      warnings: ['a'],
    });
  });

  it.each([
    ['no JSON', 'oops', 'the answer is not JSON'],
    ['no response', '{}', 'the answer has no response object'],
    ['null', 'null', 'the answer has no response object'],
    ['another uid', body({ uid: 'v' }), 'the answer is to uid "v", not "u"'],
    ['a patch that is no JSON', body({ uid: 'u', patch: encode('oops') }), 'the answer is not JSON'],
    ['a patch that is no list', body({ uid: 'u', patch: encode({}) }), 'the patch is not a list of operations'],
    [
      'a patch that does not apply',
      body({ uid: 'u', patch: encode([{ op: 'remove', path: '/metadata/nothing' }]) }),
      'the patch does not apply to the pod',
    ],
    [
      'an operation that is none',
      body({ uid: 'u', patch: encode([{ op: 'eat', path: '/metadata' }]) }),
      'the patch does not apply to the pod',
    ],
  ])('section 8: an answer cannot be read: %s', (_title, text, message) => {
    expect(() => readAnsweredReview('u', POD.build(), text)).toThrow(
      expect.objectContaining({ name: 'UnreadableResponseError', code: 'ERR_RESPONSE_UNREADABLE', message }),
    );
  });
});
