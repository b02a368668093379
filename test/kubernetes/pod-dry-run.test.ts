import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KubeClient } from '../../src/kubernetes/kube-client.ts';
import type { PodDryRunAnswer } from '../../src/kubernetes/pod-dry-run.ts';
import { dryRunPod } from '../../src/kubernetes/pod-dry-run.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { temporaryFolder } from '../composition/temporary-folder.ts';
import { answerJson, answerStatus, FakeApiServer, type Interceptor } from '../support/fake-api-server.ts';
import { anEciPod } from '../support/pod-builder.ts';

const PODS = '/api/v1/namespaces/shop/pods';
const POD = anEciPod().withImage('nginx:1').build();

let server: FakeApiServer;
let client: KubeClient;

beforeAll(async () => {
  server = (await FakeApiServer.start()).addCollection(PODS);
  const kubeconfig = `${temporaryFolder({ config: server.kubeconfig() })}/config`;
  client = await KubeClient.open({ kubeconfig, env: {} });
});

afterAll(async () => {
  await client.close();
  await server.stop();
});

beforeEach(() => {
  server.requests.length = 0;
});

/** The answer where the API server gives these answers, one after another. */
async function dryRun(...answers: readonly Interceptor[]): Promise<PodDryRunAnswer> {
  const done = server.answerNext(({ path }) => path === PODS, ...answers);
  const answer = await dryRunPod(client, POD, 'shop');
  await done;
  return answer;
}

describe('a pod that is taken', () => {
  it('spec 8: is never more than a dry run', async () => {
    const answer = await dryRunPod(client, POD, 'shop');
    expect(answer).toEqual({ allowed: true, pod: POD, warnings: [] });
    expect(server.objects(PODS)).toEqual([]);
    const [request] = server.requests;
    expect(request?.query.getAll('dryRun')).toEqual(['All']);
    expect(request?.query.get('fieldManager')).toBe('imc');
    expect(JSON.parse(request?.body ?? '')).toEqual(POD);
  });

  it('comes back with what others made of it, and their warnings', async () => {
    const changed: JsonObject = { ...POD, metadata: { name: 'web', annotations: { a: 'b' } } };
    // API servers write UTF-8 in headers.
    const warning = Buffer.from('299 - "first \\"quoted\\"", 299 - "第二…"', 'utf8').toString('latin1');
    expect(await dryRun(answerJson(201, changed, { warning }))).toEqual({
      allowed: true,
      pod: changed,
      warnings: ['first "quoted"', '第二…'],
    });
  });

  it('is asked about under another name, if one of its name is there', async () => {
    const answer = await dryRun(answerStatus(409, 'AlreadyExists', 'pods "web" already exists'), answerJson(201, POD));
    expect(answer.allowed).toBe(true);
    expect(server.requests.map(({ body }) => (JSON.parse(body) as { metadata: object }).metadata)).toMatchObject([
      { name: 'web' },
      { generateName: 'web-', labels: { 'alibabacloud.com/eci': 'true' } },
    ]);
    expect(server.requests[1]?.body).not.toContain('"name":"web"');
  });
});

describe('a pod that is refused', () => {
  it.each([
    [
      422,
      'Invalid',
      'admission webhook "imc.example.com" denied the request: wait: or not',
      'imc.example.com',
      'wait: or not',
    ],
    [500, 'InternalError', 'admission webhook "x" denied the request: two\nlines', 'x', 'two\nlines'],
    [400, '', 'admission webhook "x" denied the request without explanation', 'x', 'no reason given'],
    [403, 'Forbidden', 'pods "web" is forbidden: exceeded quota: q', '', 'pods "web" is forbidden: exceeded quota: q'],
    [
      422,
      'Invalid',
      'Pod "web" is invalid: spec.containers: Required value',
      '',
      'Pod "web" is invalid: spec.containers: Required value',
    ],
    [
      500,
      'InternalError',
      'Internal error occurred: failed calling webhook "x": connection refused',
      '',
      'Internal error occurred: failed calling webhook "x": connection refused',
    ],
  ])('%i %s: %s', async (code, reason, said, webhook, message) => {
    const answer = await dryRun(answerStatus(code, reason, said, { warning: '299 - "w"' }));
    expect(answer).toEqual({ allowed: false, webhook, message, warnings: ['w'] });
  });
});

describe('a question the API server does not come to', () => {
  it.each([
    [
      'no right to create pods',
      403,
      'Forbidden',
      'pods is forbidden: User "jane" cannot create resource "pods" in API group "" in the namespace "shop"',
      /User "jane" cannot create .*; grant this user/,
    ],
    [
      'no such namespace',
      404,
      'NotFound',
      'namespaces "shop" not found',
      /^dry run of a pod in namespace shop: .*404 NotFound: namespaces "shop" not found; create it, or name another namespace$/,
    ],
    ['too busy', 429, 'TooManyRequests', 'later', /429 TooManyRequests: later/],
    ['broken', 500, 'InternalError', 'etcdserver: no leader', /etcdserver: no leader/],
  ])('%s', async (_title, code, reason, said, message) => {
    const error = dryRun(answerStatus(code, reason, said));
    await expect(error).rejects.toThrow(message);
    await expect(error).rejects.toMatchObject({ code: 'ERR_API_STATUS', status: code });
  });

  it('a name that is taken even though it is made up', async () => {
    const taken = answerStatus(409, 'AlreadyExists', 'pods "web" already exists');
    await expect(dryRun(taken, taken)).rejects.toMatchObject({ status: 409 });
  });
});
