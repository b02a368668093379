import { describe, expect, it } from 'vitest';
import { encodeAdmissionReview } from '../../src/admission/admission-response.ts';
import type { Verdict } from '../../src/admission/verdict.ts';

const ALLOWED: Verdict = {
  uid: 'uid-1',
  allowed: true,
  outcome: 'Skipped',
  reason: 'NotPod',
  patch: [],
  warnings: [],
  auditAnnotations: {},
  message: '',
  decision: undefined,
  failure: undefined,
};

const ENVELOPE = '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","response":';

describe('encodeAdmissionReview', () => {
  it.each([
    ['nothing to say', ALLOWED, '{"uid":"uid-1","allowed":true}'],
    [
      'audit annotations',
      { ...ALLOWED, auditAnnotations: { outcome: 'Pinned', cache: 'a' } },
      '{"uid":"uid-1","allowed":true,"auditAnnotations":{"outcome":"Pinned","cache":"a"}}',
    ],
    ['warnings', { ...ALLOWED, warnings: ['one', 'two'] }, '{"uid":"uid-1","allowed":true,"warnings":["one","two"]}'],
    ['a uid with quotes', { ...ALLOWED, uid: 'a"b' }, '{"uid":"a\\"b","allowed":true}'],
    [
      'a patch',
      { ...ALLOWED, patch: [{ op: 'add', path: '/metadata/labels', value: { a: '\u955c' } }] },
      `{"uid":"uid-1","allowed":true,"patchType":"JSONPatch","patch":"${Buffer.from('[{"op":"add","path":"/metadata/labels","value":{"a":"\u955c"}}]').toString('base64')}"}`,
    ],
  ] satisfies [string, Verdict, string][])('spec A1: %s', (_title, verdict, response) => {
    expect(encodeAdmissionReview(verdict)).toBe(`${ENVELOPE}${response}}`);
  });

  it('spec A3: a denial says 422, Invalid, and what to do', () => {
    const denial: Verdict = {
      ...ALLOWED,
      allowed: false,
      message: 'do this',
      auditAnnotations: { outcome: 'PinNotReady' },
    };
    expect(encodeAdmissionReview(denial)).toBe(
      `${ENVELOPE}{"uid":"uid-1","allowed":false,"status":{"status":"Failure","message":"do this","reason":"Invalid",` +
        '"code":422},"auditAnnotations":{"outcome":"PinNotReady"}}}',
    );
  });

  it('spec A1: is one line, whatever it says', () => {
    const verdict = { ...ALLOWED, allowed: false, message: 'two\nlines', warnings: ['a\u0000b'] };
    expect(encodeAdmissionReview(verdict)).not.toMatch(/\p{Cc}/u);
  });
});
