import type { Verdict } from './verdict.ts';

/**
 * The AdmissionReview that answers a review (spec A1, A3): one line of JSON with members in a fixed order, the same
 * bytes for the same verdict.
 */
export function encodeAdmissionReview(verdict: Verdict): string {
  const { uid, allowed, patch, warnings, auditAnnotations, message } = verdict;
  return JSON.stringify({
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    response: {
      uid,
      allowed,
      ...(patch.length === 0 ? {} : { patchType: 'JSONPatch', patch: encodeBase64(JSON.stringify(patch)) }),
      ...(allowed ? {} : { status: { status: 'Failure', message, reason: 'Invalid', code: 422 } }),
      ...(warnings.length === 0 ? {} : { warnings }),
      ...(Object.keys(auditAnnotations).length === 0 ? {} : { auditAnnotations }),
    },
  });
}

function encodeBase64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
