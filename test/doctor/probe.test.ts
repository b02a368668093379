import { describe, expect, it } from 'vitest';
import type { Check } from '../../src/doctor/check.ts';
import type { ProbeFacts } from '../../src/doctor/check-probe.ts';
import { checkOptOut, checkProbe, directAnswerOf } from '../../src/doctor/check-probe.ts';
import { installationsAmong } from '../../src/doctor/installation.ts';
import type { DryRun } from '../../src/doctor/live-cluster.ts';
import { entriesOf } from '../../src/doctor/webhook-entry.ts';
import { aConfiguration, aDeployment, NAME, NAMESPACE } from './installed.ts';

const [installation] = installationsAmong([aDeployment()]);
const WEBHOOK = `pods.${NAME}.${NAMESPACE}`;

const created = (decision?: string): DryRun => ({
  kind: 'created',
  pod: { metadata: decision === undefined ? {} : { annotations: { 'imc-webhook/decision': decision } } },
});
const stamped = created('{"outcome":"NoMatch"}');
const unstamped = created();
const answers = (...dryRuns: DryRun[]) => dryRuns.map((dryRun, i) => ({ dryRun, ms: 10 + i }));

function probed(facts: Partial<ProbeFacts>): Check {
  return checkProbe({
    namespace: 'default',
    namespaceLabels: new Map(),
    answers: answers(stamped),
    entries: entriesOf([aConfiguration()]),
    mode: 'enforce',
    installation,
    direct: undefined,
    ...facts,
  });
}

describe('the probe', () => {
  it.each<{ title: string; facts: Partial<ProbeFacts>; result: Check['result']; found: RegExp; remedy?: RegExp }>([
    {
      title: 'stamped, in the median time',
      facts: { answers: answers(stamped, stamped, stamped) },
      result: 'ok',
      found: /\(NoMatch\), in 11 ms$/,
    },
    {
      title: 'stamped by a version that is not known',
      facts: { answers: answers(created('{"verdict":2}')) },
      result: 'warning',
      found: /form that this version does not know: \{"verdict":2\}/,
      remedy: /use the imc of the version that is installed/,
    },
    {
      title: 'stamped while two registrations are called',
      facts: { entries: entriesOf([aConfiguration(), aConfiguration({}, { name: 'aa-old' })]) },
      result: 'warning',
      found: /aa-old and zz-.* are all called/,
      remedy: /kubectl delete mutatingwebhookconfiguration aa-old$/,
    },
    {
      title: 'stamped now and then',
      facts: { answers: answers(stamped, stamped, unstamped) },
      result: 'failed',
      found: /^1 of 3 pods came back without/,
    },
    {
      title: 'not called: no registration',
      facts: { answers: answers(unstamped), entries: [] },
      result: 'failed',
      found: /nobody is called/,
    },
    {
      title: 'not called: an excluded namespace',
      facts: {
        answers: answers(unstamped),
        namespaceLabels: new Map([['kubernetes.io/metadata.name', 'kube-system']]),
      },
      result: 'failed',
      found: /not called for namespace default, since namespaceSelector asks for kubernetes\.io\/metadata\.name notin/,
      remedy: /--probe-namespace/,
    },
    {
      title: 'not called: a namespace that asks to be left alone',
      facts: { answers: answers(unstamped), namespaceLabels: new Map([['imc-webhook/ignore', 'true']]) },
      result: 'failed',
      found: /asks for imc-webhook\/ignore!=true/,
      remedy: /kubectl label namespace default imc-webhook\/ignore-/,
    },
    {
      title: 'called, and the call fails: a replica answers when asked',
      facts: { answers: answers(unstamped), direct: { kind: 'answered', pod: 'p-1', outcome: 'CompleteMatch' } },
      result: 'failed',
      found: /failing open\): p-1 decides CompleteMatch when asked past the registration/,
      remedy: /`trust`.*port 8443/,
    },
    {
      title: 'called, and nobody answers',
      facts: {
        answers: answers(unstamped),
        direct: { kind: 'silent', pod: 'p-1', problem: 'connection refused', isForbidden: false },
      },
      result: 'failed',
      found: /failing open\): nobody answers\. p-1: connection refused/,
    },
    {
      title: 'called, and nobody answers in time',
      facts: {
        answers: [{ dryRun: unstamped, ms: 3004 }],
        direct: { kind: 'silent', pod: 'p-1', problem: 'timed out', isForbidden: false },
      },
      result: 'failed',
      found: /after 3 s without an answer/,
    },
    {
      title: 'called, and left alone',
      facts: { answers: answers(unstamped), direct: { kind: 'answered', pod: 'p-1', outcome: 'NotSynced' } },
      result: 'failed',
      found: /leaves the pod alone: p-1 answers NotSynced/,
    },
    {
      title: 'left alone with mode off',
      facts: { answers: answers(unstamped), mode: 'off' },
      result: 'warning',
      found: /as it should with mode off/,
    },
    {
      title: 'not stamped, and nobody can be asked why',
      facts: {
        answers: answers(unstamped),
        direct: { kind: 'silent', pod: 'p', problem: 'forbidden', isForbidden: true },
      },
      result: 'failed',
      found: /either the call fails and is let pass/,
    },
    {
      title: 'refused, since this webhook cannot be called',
      facts: { answers: answers({ kind: 'refused', webhook: WEBHOOK, message: 'failed calling webhook' }) },
      result: 'failed',
      found: /on account of this webhook/,
    },
    {
      title: 'refused by another webhook',
      facts: { answers: answers({ kind: 'refused', webhook: 'policy.example.com', message: 'no' }) },
      result: 'skipped',
      found: /is refused by policy\.example\.com/,
      remedy: /--probe-namespace/,
    },
    {
      title: 'not to be tried',
      facts: { answers: answers({ kind: 'unasked', problem: 'namespaces "x" not found' }) },
      result: 'skipped',
      found: /cannot be tried: namespaces "x" not found/,
    },
  ])('$title', ({ facts, result, found, remedy = /^/ }) => {
    const check = probed(facts);
    expect(check.found).toMatch(found);
    expect(check.result).toBe(result);
    expect(check.remedy).toMatch(remedy);
    expect(check.remedy === '').toBe(result === 'ok');
  });

  it('reads what a replica answered', () => {
    const value = { response: { auditAnnotations: { outcome: 'NoMatch' } } };
    expect(directAnswerOf('p', { kind: 'found', value })).toEqual({ kind: 'answered', pod: 'p', outcome: 'NoMatch' });
    const refused = { kind: 'unreadable', problem: 'forbidden', isForbidden: true } as const;
    expect(directAnswerOf('p', refused)).toMatchObject({ kind: 'silent', isForbidden: true });
  });
});

describe('the pod that asks to be left alone', () => {
  it.each<[string, DryRun, Check['result'], boolean?]>([
    ['comes back as it was', unstamped, 'ok'],
    ['comes back as it was, as every pod does', unstamped, 'skipped', false],
    ['is stamped', stamped, 'failed'],
    ['is refused', { kind: 'refused', message: 'no', webhook: '' }, 'skipped'],
    ['cannot be tried', { kind: 'unasked', problem: 'forbidden' }, 'skipped'],
  ])('%s', (_title, dryRun, result, isStamped = true) => {
    expect(checkOptOut('default', dryRun, isStamped).result).toBe(result);
  });
});
