import { describe, expect, it } from 'vitest';
import { checkOtherWebhooks, checkRegistration } from '../../src/doctor/check-registration.ts';
import { installationsAmong } from '../../src/doctor/installation.ts';
import { entriesOf, hostOf, notSelected, ownConfigurations } from '../../src/doctor/webhook-entry.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { aConfiguration, aDeployment, anEntry, NAME, NAMESPACE } from './installed.ts';

const [installation] = installationsAmong([aDeployment()]);

function registrationOf(...configurations: JsonObject[]) {
  const own = ownConfigurations(configurations, installation, undefined);
  const entries = entriesOf(configurations).filter(({ configuration }) => own.has(configuration));
  return checkRegistration({ kind: 'found', value: configurations }, entries, installation, undefined);
}

describe('the registration (spec S7)', () => {
  it.each<{ title: string; entry: JsonObject; result: string; found: RegExp; remedy: RegExp }>([
    {
      title: 'as the chart makes it',
      entry: {},
      result: 'ok',
      found: /scope cluster; failurePolicy Ignore/,
      remedy: /^$/,
    },
    {
      title: 'failurePolicy Fail',
      entry: { failurePolicy: 'Fail' },
      result: 'failed',
      found: /stops pods whenever/,
      remedy: /"path":"\/webhooks\/0\/failurePolicy","value":"Ignore"/,
    },
    {
      title: 'no failurePolicy, which the API server takes for Fail',
      entry: { failurePolicy: undefined },
      result: 'failed',
      found: /failurePolicy Fail/,
      remedy: /Ignore/,
    },
    {
      title: 'side effects on dry runs',
      entry: { sideEffects: 'NoneOnDryRun' },
      result: 'failed',
      found: /sideEffects NoneOnDryRun/,
      remedy: /"value":"None"/,
    },
    {
      title: 'rules for something else',
      entry: { rules: [{ operations: ['UPDATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }] },
      result: 'failed',
      found: /leave out pods that are created/,
      remedy: /helm upgrade imc/,
    },
    {
      title: 'an old review version only',
      entry: { admissionReviewVersions: ['v1beta1'] },
      result: 'failed',
      found: /v1beta1 has no v1/,
      remedy: /helm upgrade/,
    },
    {
      title: 'another path',
      entry: { clientConfig: { service: { namespace: NAMESPACE, name: NAME } } },
      result: 'failed',
      found: /the path \/ is called/,
      remedy: /helm upgrade/,
    },
    {
      title: 'the Service of another installation',
      entry: { clientConfig: { service: { namespace: NAMESPACE, name: 'other', path: '/mutate' } } },
      result: 'failed',
      found: /imc-system\/other is called, which is not that of the installation/,
      remedy: /helm upgrade/,
    },
    {
      title: 'a long timeout',
      entry: { timeoutSeconds: 10 },
      result: 'warning',
      found: /timeoutSeconds 10/,
      remedy: /--set webhook\.timeoutSeconds=3/,
    },
    {
      title: 'no reinvocation',
      entry: { reinvocationPolicy: 'Never' },
      result: 'warning',
      found: /sidecars that are injected later/,
      remedy: /"value":"IfNeeded"/,
    },
    {
      title: 'an exact match of API versions',
      entry: { matchPolicy: 'Exact' },
      result: 'warning',
      found: /matchPolicy Exact/,
      remedy: /"value":"Equivalent"/,
    },
    {
      title: 'no excluded namespaces',
      entry: { namespaceSelector: {} },
      result: 'warning',
      found: /pods of kube-system, kube-public, kube-node-lease, imc-system are sent/,
      remedy: /helm upgrade/,
    },
  ])('$title: $result', ({ entry, result, found, remedy }) => {
    const check = registrationOf(aConfiguration(entry));
    expect(check).toMatchObject({ name: 'registration', result });
    expect(check.found).toMatch(found);
    expect(check.remedy).toMatch(remedy);
  });

  it('counts the other entries with the same fault', () => {
    const webhooks = [anEntry({ name: 'a', failurePolicy: 'Fail' }), anEntry({ name: 'b', failurePolicy: 'Fail' })];
    expect(registrationOf({ ...aConfiguration(), webhooks }).found).toMatch(/^a: .*, and 1 more such$/);
  });

  it('is not confused with that of another release, or of another program', () => {
    const elsewhere = anEntry({ clientConfig: { service: { namespace: 'other', name: NAME, path: '/mutate' } } });
    const check = registrationOf(
      { ...aConfiguration(), webhooks: [elsewhere] },
      aConfiguration({}, { name: 'x', labels: {} }),
    );
    expect(check).toMatchObject({ result: 'ok', found: expect.stringMatching(/^x: /) });
  });

  it('is asked for by name where the chart did not make it', () => {
    const check = checkRegistration({ kind: 'found', value: [] }, [], undefined, 'mine');
    expect(check).toMatchObject({
      result: 'failed',
      found: 'there is no MutatingWebhookConfiguration mine, or it has no webhooks',
    });
  });

  it('is skipped where the caller may not list', () => {
    const answer = { kind: 'unreadable', problem: 'forbidden', isForbidden: true } as const;
    expect(checkRegistration(answer, [], installation, undefined).result).toBe('skipped');
  });
});

describe('other mutating webhooks', () => {
  const own = new Set([`zz-${NAME}`]);
  const other = (name: string, entry: JsonObject = {}): JsonObject =>
    aConfiguration({ name, namespaceSelector: {}, objectSelector: {}, ...entry }, { name, labels: {} });
  const checked = (...others: JsonObject[]) =>
    checkOtherWebhooks(entriesOf([aConfiguration(), ...others]), own, installation, new Map([['team', 'platform']]));

  it.each<{ title: string; others: JsonObject[]; result: string; found: RegExp }>([
    { title: 'none', others: [], result: 'ok', found: /^no other/ },
    { title: 'one before', others: [other('aa')], result: 'ok', found: /all are called before this one$/ },
    {
      title: 'one after',
      others: [other('zzz')],
      result: 'ok',
      found: /called after this one: zzz; this one is called again/,
    },
    {
      title: 'one that does not see new pods',
      others: [
        other('zzz', {
          rules: [{ operations: ['CREATE'], apiGroups: ['apps'], apiVersions: ['v1'], resources: ['*'] }],
        }),
      ],
      result: 'ok',
      found: /^no other/,
    },
    {
      title: 'one that fails closed on our pods',
      others: [other('aa', { failurePolicy: 'Fail' })],
      result: 'warning',
      found: /while aa cannot be called/,
    },
    {
      title: 'one that fails closed elsewhere',
      others: [other('aa', { failurePolicy: 'Fail', namespaceSelector: { matchLabels: { team: 'shop' } } })],
      result: 'ok',
      found: /1 other/,
    },
  ])('$title', ({ others, result, found }) => {
    const check = checked(...others);
    expect(check.found).toMatch(found);
    expect(check.result).toBe(result);
  });
});

describe('entries', () => {
  it('come in the order in which the API server calls them', () => {
    const names = entriesOf([
      aConfiguration({}, { name: 'b' }),
      aConfiguration({}, { name: 'B' }),
      aConfiguration({}, { name: 'a' }),
    ]);
    expect(names.map(({ configuration }) => configuration)).toEqual(['B', 'a', 'b']);
  });

  it('say which requirement keeps a pod away', () => {
    const [entry] = entriesOf([aConfiguration()]);
    if (entry === undefined) throw new Error('no entry');
    expect(notSelected(entry, new Map(), new Map())).toBeUndefined();
    expect(notSelected(entry, new Map(), new Map([['kubernetes.io/metadata.name', 'kube-system']]))).toMatchObject({
      selector: 'namespaceSelector',
      requirement: { operator: 'NotIn' },
    });
    expect(notSelected(entry, new Map([['imc-webhook/ignore', 'true']]), new Map())).toMatchObject({
      selector: 'objectSelector',
    });
  });

  it.each([
    ['https://example.com/mutate', { host: 'example.com', port: 443 }],
    ['https://[::1]:8443/mutate', { host: '::1', port: 8443 }],
    ['no address', { host: '', port: 443 }],
  ])('with the URL %s are called there', (url, address) => {
    expect(hostOf({ kind: 'url', url })).toEqual(address);
  });
});
