import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../certs/until.ts';
import { answerStatus, FakeApiServer } from '../support/fake-api-server.ts';
import { anImageCache } from '../support/image-cache-builder.ts';
import { ReviewPoster } from './https-client.ts';
import { startApplication } from './running-application.ts';
import { temporaryFolder } from './temporary-folder.ts';

const CACHES = '/apis/eci.alibabacloud.com/v1/imagecaches';
const NAMESPACES = '/api/v1/namespaces';
const CONFIG_MAPS = '/api/v1/namespaces/kube-system/configmaps';
const EVENTS = '/api/v1/namespaces/kube-system/events';

describe('the application in a cluster', () => {
  it('answers what it knows of the cluster, and follows it', async () => {
    const { api, outcome } = await start();
    await until(async () => (await outcome('web')) === 'NoMatch');
    api.put(CACHES, anImageCache('nginx').holding('nginx:1.27.0').build());
    await until(async () => (await outcome('web')) === 'CompleteMatch');
    api.cutConnections();
    expect(await outcome('web')).toBe('CompleteMatch');
  });

  it('admits unchanged, and is not ready, before every resource has been listed (spec M13, S2)', async () => {
    const { api, outcome, operations } = await start((server) =>
      server.intercept(
        (request, response) =>
          request.path === NAMESPACES && answerStatus(403, 'Forbidden', 'no namespaces for you')(request, response),
      ),
    );
    expect(await outcome('web')).toBe('NotSynced');
    await until(async () => (await fetch(`${operations}/readyz`)).status === 503);
    await until(async () => (await (await fetch(`${operations}/readyz`)).text()).includes('no namespaces for you'));
    expect(await (await fetch(`${operations}/metrics`)).text()).toMatch(
      /^imc_watch_restarts_total\{resource="namespaces",cause="refused"\} [1-9]/m,
    );
    expect(api.objects(CACHES)).toEqual([]);
  });

  it('is ready without the ImageCache resource, and says so (spec S2)', async () => {
    const { operations } = await start((server) => server.removeCollection(CACHES));
    await until(async () => (await fetch(`${operations}/readyz`)).status === 200);
    expect(await (await fetch(`${operations}/readyz?verbose`)).text()).toContain(
      '[!] the cluster has no ImageCache resource',
    );
  });

  it('a namespace and its pod created together: the review waits for the namespace (spec G6)', async () => {
    const { api, outcome } = await start();
    await until(async () => (await outcome('web')) === 'NoMatch');
    const skipped = outcome('brand-new', {});
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    api.put(NAMESPACES, aNamespace('brand-new', { 'imc-webhook/enabled': 'true' }));
    // On a machine that is slower than the wait the labels come too late, and the pod shows no sign of ECI.
    expect(['NoMatch', 'Skipped']).toContain(await skipped);
    expect(await outcome('brand-new', {})).toBe('NoMatch');
    expect(await outcome('never-comes', {})).toBe('Skipped');
  });

  it('shows a broken eci-profile in the metrics and the readiness details, and stays ready (spec P6, S8)', async () => {
    const { api, operations } = await start((server) =>
      server.put(CONFIG_MAPS, {
        metadata: { name: 'eci-profile', namespace: 'kube-system', uid: 'u' },
        data: { selectors: '[' },
      }),
    );
    await until(async () => (await fetch(`${operations}/readyz`)).status === 200);
    expect(await (await fetch(`${operations}/readyz?verbose`)).text()).toContain(
      '[!] ConfigMap kube-system/eci-profile: line 1 column 2',
    );
    const metrics = await (await fetch(`${operations}/metrics`)).text();
    expect(metrics).toContain('imc_profile_valid 0\n');
    expect(metrics).toContain('imc_undecodable_total{resource="eci-profile"} 1\n');
    await until(() => api.objects(EVENTS).length === 1);
  });
});

/** An application over an API server with one namespace, and whatever `prepare` does to that. */
async function start(prepare: (api: FakeApiServer) => unknown = () => undefined) {
  const api = await FakeApiServer.start();
  onTestFinished(() => api.stop());
  for (const path of [CACHES, NAMESPACES, CONFIG_MAPS, EVENTS]) api.addCollection(path);
  api.put(NAMESPACES, aNamespace('web', {}));
  prepare(api);
  const application = await startApplication({
    kubeconfig: join(temporaryFolder({ config: api.kubeconfig() }), 'config'),
  });
  onTestFinished(() => application.stop());
  const poster = new ReviewPoster(application.server, application.ca);
  onTestFinished(() => poster.close());
  const outcome = async (namespace: string, labels: Record<string, string> = { eci: 'true' }): Promise<string> => {
    const { text } = await poster.post(aReview(namespace, labels));
    const { response } = JSON.parse(text) as { response: { auditAnnotations: { outcome: string } } }; // always audited
    return response.auditAnnotations.outcome;
  };
  return { api, outcome, operations: application.operations };
}

function aReview(namespace: string, labels: Record<string, string>): string {
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'a-uid',
      resource: { group: '', version: 'v1', resource: 'pods' },
      namespace,
      operation: 'CREATE',
      object: { metadata: { labels }, spec: { containers: [{ name: 'a', image: 'nginx:1.27.0' }] } },
    },
  });
}

function aNamespace(name: string, labels: Record<string, string>): Record<string, unknown> {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}
