import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Comparison } from '../../src/cli/review-comparison.ts';
import type { ReviewRow } from '../../src/cli/review-row.ts';
import type { OfflineEngine } from '../../src/composition/commands.ts';
import { createCommands } from '../../src/composition/create-commands.ts';
import { DEFAULT_SETTINGS } from '../../src/core/settings.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { listMember, member, textMember } from '../../src/wire/json.ts';
import { reviewOfPod } from '../../src/wire/workload.ts';
import type { RunningApplication } from '../composition/running-application.ts';
import { startApplication } from '../composition/running-application.ts';
import { temporaryFolder } from '../composition/temporary-folder.ts';
import type { PatchOperation } from '../support/apply-patch.ts';
import { applyPatch } from '../support/apply-patch.ts';
import type { Interceptor } from '../support/fake-api-server.ts';
import { answerJson, answerStatus, FakeApiServer } from '../support/fake-api-server.ts';
import { withMember } from '../support/json-edit.ts';
import { imc } from './recording-terminal.ts';

const WORKLOADS = ['review', '-f', 'examples/workloads'];
const DIR = ['--dir', 'examples/cluster'];

let webhook: RunningApplication;
let api: FakeApiServer;
let engine: OfflineEngine;
let kubeconfig: string;
let SERVER: readonly string[];
let CLUSTER: readonly string[];

beforeAll(async () => {
  webhook = await startApplication({ dir: 'examples/cluster' });
  const settings = { ...DEFAULT_SETTINGS, unreadyPin: 'deny' } as const;
  engine = await createCommands().openOffline({ dir: 'examples/cluster', settings, nowMs: Date.now() });
  api = await FakeApiServer.start();
  kubeconfig = `${temporaryFolder({ config: api.kubeconfig() })}/config`;
  SERVER = ['--server', webhook.server, '--ca-file', webhook.caFile];
  CLUSTER = ['--kubeconfig', kubeconfig];
});

afterAll(async () => {
  await webhook.stop();
  await api.stop();
});

/** Admits pods as an API server with our webhook does, which adds things of its own. */
const admitting: Interceptor = (request, response) => {
  const { path, method, query, body } = request;
  const namespace = /^\/api\/v1\/namespaces\/([^/]+)\/pods$/.exec(path)?.[1];
  if (namespace === undefined || method !== 'POST' || query.get('dryRun') !== 'All') return false;
  const sent = JSON.parse(body) as JsonObject;
  const answer = member(JSON.parse(engine.answer(reviewOfPod(sent, namespace, 'u')).body), 'response');
  if (member(answer, 'allowed') !== true) {
    const message = `admission webhook "imc.example.com" denied the request: ${textMember(member(answer, 'status'), 'message')}`;
    return answerStatus(422, 'Invalid', message)(request, response);
  }
  const patch = textMember(answer, 'patch');
  const operations = patch === '' ? [] : (JSON.parse(Buffer.from(patch, 'base64').toString()) as PatchOperation[]);
  const pod = withMember(
    applyPatch(sent, operations) as JsonObject,
    ['metadata', 'annotations', 'kubernetes.io/limit-ranger'],
    'x',
  );
  const warnings = ['would violate PodSecurity "restricted:latest"', ...listMember(answer, 'warnings').map(String)];
  const warning = asHeader(warnings.map((text) => `299 - ${JSON.stringify(text)}`).join(', '));
  return answerJson(201, withMember(pod, ['metadata', 'uid'], 'u-1'), { warning })(request, response);
};

/** API servers write UTF-8 in headers, and Node.js one byte for each character. */
function asHeader(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Runs something while pods are admitted in this way. */
async function during<Value>(interceptor: Interceptor, action: () => Promise<Value>): Promise<Value> {
  const stop = api.intercept(interceptor);
  try {
    return await action();
  } finally {
    stop();
  }
}

const ALLOWING_UNREADY = ['-f', 'examples/workloads', '--unready-pin', 'deny'];

describe('imc review --kubeconfig (spec section 8)', () => {
  it('comes out as offline, but for why pods are skipped and what others say', async () => {
    const facts = (out: string): unknown =>
      (JSON.parse(out) as ReviewRow[]).map(({ reason: _r, message: _m, warnings: _w, annotations, ...row }) => ({
        ...row,
        // A refused pod does not come back, so that its outcome is not to be seen.
        ...(row.allowed ? {} : { outcome: '', cache: '' }),
        // Of a namespace that is left alone no pod comes back with a decision.
        ...(row.outcome === 'Skipped' && row.namespace === 'legacy' ? { outcome: '' } : {}),
        annotations: { ...annotations, 'kubernetes.io/limit-ranger': undefined },
      }));
    const offline = await imc(['review', ...ALLOWING_UNREADY, ...DIR, '-o', 'json']);
    const { code, out, err } = await during(admitting, () => imc([...WORKLOADS, ...CLUSTER, '-o', 'json']));
    expect(code).toBe(1);
    expect(facts(out)).toEqual(facts(offline.out));
    expect(err).toMatch(/^Denied: shop\/Deployment\/gift-cards: annotation .* pins ImageCache gift-cards-3-0/m);
  });

  it('sends dry runs only, and a pod that nobody can mistake where no other has a decision', async () => {
    api.requests.length = 0;
    await during(admitting, () => imc(['review', '-f', 'examples/workloads/left-alone.yaml', ...CLUSTER]));
    expect(api.requests.every(({ method, query }) => method === 'POST' && query.get('dryRun') === 'All')).toBe(true);
    const names = api.requests.map(({ body }) => textMember(member(JSON.parse(body), 'metadata'), 'generateName'));
    expect(names.filter((name) => name === 'imc-probe-')).toHaveLength(3);
  });

  it('says so where the webhook is not installed', async () => {
    const untouched: Interceptor = (request, response) => answerJson(201, JSON.parse(request.body))(request, response);
    const args = ['review', '-f', 'examples/workloads/checkout-deployment.yaml', ...CLUSTER];
    const { code, out, err } = await during(untouched, () => imc(args));
    expect(code).toBe(0);
    expect(out).toMatch(/^shop +Deployment\/checkout +allowed \(NoDecision\) +- +- +-$/m);
    expect(err).toMatch(/^Note: namespace shop: no decision came back on any pod, .*is not installed.*\.\n$/);
  });

  it('-o pod: pods as they were written, with what the API server made of their annotations and labels', async () => {
    const args = ['review', '-f', 'examples/workloads/cart-statefulset.yaml', ...CLUSTER, '-o', 'pod'];
    const { out } = await during(admitting, () => imc(args));
    const pod: unknown = parse(out);
    expect(pod).toMatchObject({
      metadata: { generateName: 'cart-', annotations: { 'k8s.aliyun.com/eci-imc-id': 'imc-2zetnjfbf5jxvlsi47wq' } },
    });
    expect(out).not.toContain('uid');
  });

  it.each([
    ['--context', ['--context', 'fake']],
    ['IMC_KUBECONFIG', []],
  ])('takes the cluster from %s', async (_title, args) => {
    const env: Record<string, string> = args.length === 0 ? { IMC_KUBECONFIG: kubeconfig } : { KUBECONFIG: kubeconfig };
    const review = ['review', '-f', 'examples/workloads/checkout-deployment.yaml', ...args];
    const { out } = await during(admitting, () => imc(review, { env }));
    expect(out).toMatch(/Deployment\/checkout +CompleteMatch +checkout-2-8-1-rebuilt/);
    // What the command line names goes before what only the environment does.
    if (args.length === 0) expect((await imc([...review, ...DIR], { env })).out).toMatch(/CompleteMatch/);
  });
});

describe('what cannot be asked ends with exit code 2 and what to do', () => {
  const CHECKOUT = ['review', '-f', 'examples/workloads/checkout-deployment.yaml'];

  it.each<[string, Interceptor, RegExp]>([
    [
      'a namespace that is not there',
      answerStatus(404, 'NotFound', 'namespaces "shop" not found'),
      /^Error: dry run of a pod in namespace shop: .* namespaces "shop" not found; create it, or name another namespace\n$/,
    ],
    [
      'no right to create pods',
      answerStatus(403, 'Forbidden', 'pods is forbidden: User "jane" cannot create resource "pods" in API group ""'),
      /^Error: POST .*: the API server answered 403 Forbidden: .*User "jane".*; grant this user/,
    ],
    ['wrong credentials', answerStatus(401, 'Unauthorized', 'Unauthorized'), /^Error: .*401 Unauthorized.*credentials/],
    [
      'something that is no API server',
      (_request, response) => {
        response.writeHead(200).end('<html>');
        return true;
      },
      /^Error: .*comes from no API server/,
    ],
  ])('%s', async (_title, interceptor, says) => {
    const { code, out, err } = await during(interceptor, () => imc([...CHECKOUT, ...CLUSTER]));
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(says);
  });

  it('an API server that is not there', async () => {
    const text = JSON.stringify(JSON.parse(api.kubeconfig())).replace(api.url, 'https://127.0.0.1:1');
    const { code, err } = await imc([...CHECKOUT, '--kubeconfig', `${temporaryFolder({ config: text })}/config`]);
    expect(code).toBe(2);
    expect(err).toMatch(/^Error: https:\/\/127\.0\.0\.1:1: /);
  });

  it('a kubeconfig that is none, and one that is not there', async () => {
    const folder = temporaryFolder({ config: 'a text' });
    expect((await imc([...CHECKOUT, '--kubeconfig', `${folder}/config`])).err).toMatch(
      /config: .*(?:kubeconfig|context)/,
    );
    expect((await imc([...CHECKOUT, '--kubeconfig', `${folder}/none`])).err).toMatch(/none: there is no such file/);
  });

  it.each([
    [[...DIR, '--kubeconfig', 'x'], /--dir and --kubeconfig exclude each other.*--compare/],
    [['--server', 'https://localhost', '--context', 'x'], /--server and --context exclude each other/],
    [['--kubeconfig', 'x', '--now', '2026-01-01T00:00:00Z'], /--now and --kubeconfig exclude each other/],
    [['--kubeconfig', 'x', '-o', 'patch'], /-o patch: .*--kubeconfig prints table, json, yaml or pod/],
    [['--kubeconfig', 'x', '-o', 'review'], /-o review: .*does not pass the answer itself on/],
    [[...DIR, '--compare'], /--compare needs two or three of --dir, --server and --kubeconfig/],
    [[...DIR, '--kubeconfig', 'x', '--compare', '-o', 'pod'], /-o pod: --compare prints table, json or yaml/],
    [[...DIR, '--kubeconfig', 'x', '--compare', '--now', '2026-01-01T00:00:00Z'], /--now and --kubeconfig exclude/],
  ])('%j', async (args, says) => {
    const { code, out, err } = await imc([...CHECKOUT, ...args]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(says);
  });
});

describe('imc review --compare (spec section 8)', () => {
  const compare = (...args: readonly string[]) => during(admitting, () => imc([...WORKLOADS, ...args, '--compare']));

  it('the same of all examples, offline and by a running webhook', async () => {
    const { code, out, err } = await compare(...DIR, ...SERVER);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/\n\noffline and webhook say the same of 23 pods\n$/);
  });

  it('the same of all examples at three levels', async () => {
    // The webhook of the cluster refuses a pod that the running one lets pass, which is another story.
    const files = [
      'review',
      '-f',
      'examples/workloads/checkout-deployment.yaml',
      '-f',
      'examples/workloads/left-alone.yaml',
    ];
    const more = [
      '-f',
      'examples/workloads/log-agent-daemonset.yaml',
      '-f',
      'examples/workloads/search-deployment.yaml',
    ];
    const args = [...files, ...more, ...DIR, ...SERVER, ...CLUSTER, '--controller-driver', 'simulated', '--compare'];
    const { code, out, err } = await during(admitting, () => imc(args));
    expect(err).toMatch(/^Note: namespace legacy: .*the webhook leaves this namespace alone.*\n$/);
    expect(out).toMatch(/\n\noffline, webhook and API server say the same of 7 pods\n$/);
    expect(code).toBe(0);
  });

  it('shows field by field where a webhook has other settings, and ends with 1', async () => {
    const { code, out } = await compare(...DIR, ...SERVER, '-o', 'json', '--controller-driver', 'external');
    expect(code).toBe(1);
    const comparisons = JSON.parse(out) as Comparison[];
    const different = comparisons.filter(({ equal }) => !equal);
    expect(different.map(({ namespace, name }) => `${namespace}/${name}`)).toEqual(['shop/StatefulSet/cart']);
    expect(different[0]?.differences).toEqual([
      { field: 'id', values: { offline: null, webhook: 'imc-2zetnjfbf5jxvlsi47wq' } },
      { field: 'annotation k8s.aliyun.com/eci-auto-imc', values: { offline: 'true', webhook: null } },
      {
        field: 'annotation k8s.aliyun.com/eci-imc-id',
        values: { offline: null, webhook: 'imc-2zetnjfbf5jxvlsi47wq' },
      },
    ]);
    expect(comparisons).toHaveLength(23);
    expect(comparisons[0]?.answers).toMatchObject({
      offline: { outcome: 'PartialMatch' },
      webhook: { outcome: 'PartialMatch' },
    });
  });

  it('shows that a cluster refuses what a webhook lets pass', async () => {
    const { code, out } = await compare(...SERVER, ...CLUSTER);
    expect(code).toBe(1);
    expect(out).toMatch(
      /^shop +Deployment\/gift-cards +PinNotReady gift-cards-3-0 +denied \(by imc\.example\.com\) +no$/m,
    );
    expect(out).toMatch(/^allowed +webhook +yes\n +API server +no\n/m);
    expect(out).toMatch(/\n\nwebhook and API server differ in 1 of 23 pods\n$/);
  });

  it('-o yaml: the same as -o json', async () => {
    const [yaml, json] = [
      await compare(...DIR, ...SERVER, '-o', 'yaml'),
      await compare(...DIR, ...SERVER, '-o', 'json'),
    ];
    expect(parse(yaml.out)).toEqual(JSON.parse(json.out));
  });
});
