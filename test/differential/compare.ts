import { expect } from 'vitest';
import type { ExpectedAnswer, WarningKind } from '../oracle/oracle.ts';
import type { ActualAnswer } from './engine-side.ts';

/** How each kind of warning can be told by its words (spec A3). */
const WARNING_WORDS: Readonly<Record<WarningKind, RegExp>> = {
  pinNotReady: /^pinned ImageCache /,
  pinUnknown: /^no ImageCache here has the id |is an ImageCache's name; /,
  rulePinLeftOut: /: its pin is left out, /,
  illegalValue: / is ignored: expected /,
  ignoredKeys: / ignored: (?:the pod has a pin|eci-auto-imc is)/,
  mutableTag: /^no cache holds .* its tag moves: /,
  pullAlways: /^imagePullPolicy Always /,
};

/** Demands that an answer is the expected one in everything that the contract fixes. */
export function expectSame(actual: ActualAnswer, expected: ExpectedAnswer, review: unknown, where: string): void {
  expect(actual.httpStatus, where).toBe(expected.httpStatus);
  if (expected.httpStatus === 400) {
    // The whole body is no field.
    if (actual.field !== undefined) expect(actual.field || 'body', where).toBe(expected.field);
    return;
  }
  expect({ allowed: actual.allowed, status: actual.statusCode }, where).toEqual({
    allowed: expected.allowed,
    status: expected.statusCode,
  });
  if (expected.finalAnnotations !== undefined) {
    expect(actual.finalAnnotations, where).toEqual(expected.finalAnnotations);
    expect(actual.finalLabels, where).toEqual(expected.finalLabels);
  }
  // A decision without an outcome says nothing of what was audited before; both readings are good.
  if (!hasVagueDecision(review)) {
    expect(actual.auditAnnotations ?? {}, where).toEqual(expected.auditAnnotations ?? {});
  }
  const kinds = kindsOf(actual.warnings ?? []);
  expect(kinds, where).toEqual((expected.warningKinds ?? []).slice(0, kinds.length));
  if ((actual.warnings ?? []).length < 3) expect(kinds.length, where).toBe((expected.warningKinds ?? []).length);
}

/** Each kind once, in the order of the warnings. */
function kindsOf(warnings: readonly string[]): WarningKind[] {
  const kinds = warnings.map((warning) => {
    const found = Object.entries(WARNING_WORDS).find(([, words]) => words.test(warning));
    if (found === undefined) throw new Error(`a warning of no known kind: ${warning}`);
    return found[0] as WarningKind; // a key of the table above
  });
  return [...new Set(kinds)];
}

function hasVagueDecision(review: unknown): boolean {
  const { request } = review as { request?: { object?: { metadata?: { annotations?: Record<string, unknown> } } } };
  const text = request?.object?.metadata?.annotations?.['imc-webhook/decision'];
  if (typeof text !== 'string') return false;
  try {
    const decision: unknown = JSON.parse(text);
    return typeof decision === 'object' && decision !== null && !('outcome' in decision);
  } catch {
    return false;
  }
}
