import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Check } from '../../src/doctor/check.ts';
import { temporaryFolder } from '../composition/temporary-folder.ts';
import { aConfiguration, aDeployment, NAME, NAMESPACE } from '../doctor/installed.ts';
import { answerJson, answerStatus, FakeApiServer } from '../support/fake-api-server.ts';
import { imc } from './recording-terminal.ts';

/** `imc doctor` with an API server that answers what a test wants; real ones are asked in test/e2e. */

const DEPLOYMENTS = '/apis/apps/v1/deployments';
const CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
const PODS = '/api/v1/namespaces/default/pods';
const REVIEWS = '/apis/authorization.k8s.io/v1/subjectaccessreviews';

let api: FakeApiServer;
let folder: string;

beforeAll(async () => {
  api = await FakeApiServer.start();
  for (const path of [DEPLOYMENTS, CONFIGURATIONS, PODS]) api.addCollection(path);
  folder = temporaryFolder({ config: api.kubeconfig() });
});

afterAll(() => api.stop());

beforeEach(() => {
  for (const path of [DEPLOYMENTS, CONFIGURATIONS]) {
    for (const object of api.objects(path)) {
      api.remove(path, (object['metadata'] as { name: string }).name);
    }
  }
  api.requests.length = 0;
});

const kubeconfig = (): string[] => ['--kubeconfig', join(folder, 'config')];

interface Report {
  readonly installation?: { readonly namespace: string; readonly release: string };
  readonly checks: readonly Check[];
  readonly summary: Readonly<Record<string, number>>;
}

async function report(...args: string[]): Promise<Report & { readonly code: number }> {
  const { code, out, err } = await imc(['doctor', '-o', 'json', ...kubeconfig(), ...args]);
  expect(err).toBe('');
  return { code, ...(JSON.parse(out) as Report) };
}

function check(name: string, { checks }: Report): Check | undefined {
  return checks.find((each) => each.name === name);
}

describe('imc doctor', () => {
  it('says of a cluster without an installation that there is none, and how to install it', async () => {
    const found = await report();
    expect(found.code).toBe(1);
    expect(check('installation', found)).toMatchObject({
      result: 'failed',
      found: 'there is no release of the chart in any namespace',
      remedy: expect.stringContaining('helm install'),
    });
    expect(check('registration', found)?.result).toBe('failed');
  });

  it('asks which one where there are several', async () => {
    api.put(DEPLOYMENTS, aDeployment());
    api.put(DEPLOYMENTS, {
      ...aDeployment({ release: 'other' }),
      metadata: { ...(aDeployment({ release: 'other' })['metadata'] as object), name: 'other' },
    });
    const found = await report();
    expect(check('installation', found)).toMatchObject({
      result: 'failed',
      found: 'there are several: release imc in namespace imc-system, release other in namespace imc-system',
      remedy: 'choose one with --namespace and --release, such as --namespace imc-system --release imc',
    });
    expect((await report('--release', 'imc')).installation).toMatchObject({ namespace: NAMESPACE, release: 'imc' });
  });

  it('changes nothing: pods are dry runs, and everything else but questions is read', async () => {
    api.put(DEPLOYMENTS, aDeployment());
    api.put(CONFIGURATIONS, aConfiguration());
    const stop = api.intercept((request, response) =>
      request.path === REVIEWS ? answerJson(201, { status: { allowed: true } })(request, response) : false,
    );
    await report();
    stop();
    const writes = api.requests.filter(({ method }) => method !== 'GET');
    const paths = new Set(writes.map(({ path }) => path));
    expect([...paths].toSorted()).toEqual([PODS, REVIEWS]);
    for (const { method, path, query } of writes) {
      expect(method).toBe('POST');
      if (path === PODS) expect(query.get('dryRun')).toBe('All');
    }
  });

  it('skips what is forbidden, names the reason, and does not fail for it', async () => {
    const stop = api.intercept((request, response) =>
      request.path === '/version'
        ? false
        : answerStatus(403, 'Forbidden', `cannot see ${request.path}`)(request, response),
    );
    const found = await report('--webhook-configuration', 'mine');
    stop();
    expect(found.code).toBe(0);
    expect(found.summary).toMatchObject({ failed: 0, ok: 1 });
    expect(check('installation', found)?.found).toContain(`cannot see ${DEPLOYMENTS}`);
    expect(check('installation', found)?.remedy).toBe('name its namespace with --namespace');
  });

  it('looks at a registration by name alone', async () => {
    api.put(CONFIGURATIONS, aConfiguration({ failurePolicy: 'Fail' }, { name: 'mine', labels: {} }));
    const found = await report('--webhook-configuration', 'mine');
    expect(check('installation', found)?.result).toBe('ok');
    expect(check('registration', found)?.found).toContain('failurePolicy Fail');
  });

  it('knows the version it does not belong to', async () => {
    const deployment = aDeployment();
    const metadata = deployment['metadata'] as { labels: Record<string, string> };
    const labels = { ...metadata.labels, 'app.kubernetes.io/version': '99.0.0' };
    api.put(DEPLOYMENTS, { ...deployment, metadata: { ...metadata, labels } });
    expect(check('installation', await report())).toMatchObject({
      result: 'warning',
      remedy: 'use imc 99.0.0, which knows what that version expects',
    });
  });

  it('stops at an API server that does not answer', async () => {
    const nowhere = temporaryFolder({ config: api.kubeconfig(undefined, { server: 'https://127.0.0.1:9' }) });
    const { code, out } = await imc(['doctor', '--kubeconfig', join(nowhere, 'config')]);
    expect(code).toBe(1);
    expect(out).toMatch(/^CHECK +RESULT +FOUND\napi-server +failed +https:\/\/127\.0\.0\.1:9: nothing listens there/);
    expect(out).toMatch(/\nWhat to do\napi-server \(failed\): try `kubectl version`/);
    expect(out).toMatch(/\n0 ok, 0 warnings, 1 failed, 0 skipped\n$/);
  });

  it('does not wait longer than --timeout', async () => {
    const stop = api.intercept(({ path }) => path === '/version');
    const { code, out } = await imc(['doctor', '--timeout', '50ms', ...kubeconfig()]);
    stop();
    expect(code).toBe(1);
    expect(out).toContain('no answer within 0.05 s');
  });

  it('says the same in JSON and YAML', async () => {
    const json = await report('--webhook-configuration', 'mine');
    const { code, out } = await imc(['doctor', '-o', 'yaml', '--webhook-configuration', 'mine', ...kubeconfig()]);
    expect(parse(out)).toEqual({ checks: json.checks, summary: json.summary });
    expect(code).toBe(json.code);
  });

  it('takes colours where they are wanted', async () => {
    const { out } = await imc(['doctor', ...kubeconfig()], { colour: true });
    expect(out).toContain('\u001b[31mfailed\u001b[39m');
  });

  it.each([
    [['--timeout', 'soon'], /'soon' is invalid.*duration from 1ms to 10m, such as 10s/],
    [['--timeout', '0'], /'0' is invalid/],
    [['--namespace', ''], /--namespace "": expected a name of lower-case letters/],
    [['--probe-namespace', '../x'], /--probe-namespace "..\/x": expected a name/],
    [['-o', 'wide'], /Allowed choices are table, json, yaml/],
    [['--kubeconfig', '/nonexistent/kubeconfig'], /there is no such file/],
    [['--context', 'other'], /there is no context "other"; choose one of fake/],
  ])('%j is bad usage', async (args, says) => {
    const { code, out, err } = await imc(['doctor', ...kubeconfig(), ...args]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(says);
  });

  it('without any kubeconfig says which clusters come into question', async () => {
    const { code, err } = await imc(['doctor'], { env: { HOME: '/nonexistent' } });
    expect(code).toBe(2);
    expect(err).toMatch(/run in a pod with a service account/);
  });

  it('knows an installation by its Service, whatever it is called', async () => {
    api.put(DEPLOYMENTS, aDeployment());
    api.put(CONFIGURATIONS, aConfiguration({}, { name: 'renamed', labels: {} }));
    const found = await report();
    expect(check('registration', found)).toMatchObject({ result: 'ok', found: expect.stringMatching(/^renamed: /) });
    expect(check('certificate', found)?.found).toContain(NAME);
  });
});
