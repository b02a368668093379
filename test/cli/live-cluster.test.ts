import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kindOf } from '../../src/wire/kinds.ts';
import { parseManifests } from '../../src/wire/manifests.ts';
import { temporaryFolder } from '../composition/temporary-folder.ts';
import { answerStatus, FakeApiServer } from '../support/fake-api-server.ts';
import { imc } from './recording-terminal.ts';

const CACHES = '/apis/eci.alibabacloud.com/v1/imagecaches';
const NAMESPACES = '/api/v1/namespaces';
const CONFIG_MAPS = '/api/v1/namespaces/kube-system/configmaps';
const EXAMPLES = new URL('../../examples/cluster', import.meta.url).pathname;
const WORKLOAD = new URL('../../examples/workloads/checkout-deployment.yaml', import.meta.url).pathname;
const NOW = ['--now', '2026-06-01T00:00:00Z'];

let api: FakeApiServer;
let kubeconfig: string;

beforeAll(async () => {
  api = (await FakeApiServer.start()).addCollection(CACHES).addCollection(NAMESPACES).addCollection(CONFIG_MAPS);
  kubeconfig = join(temporaryFolder({ config: api.kubeconfig() }), 'config');
  for (const path of readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.yaml')) continue;
    for (const { value } of parseManifests(path, readFileSync(join(EXAMPLES, path), 'utf8'))) {
      const kind = kindOf(value);
      if (kind !== 'Other')
        api.put({ ImageCache: CACHES, Namespace: NAMESPACES, EciProfile: CONFIG_MAPS }[kind], value);
    }
  }
  api.put(CONFIG_MAPS, { metadata: { name: 'another', namespace: 'kube-system' }, data: { selectors: 'broken' } });
});

afterAll(() => api.stop());

describe('with a live cluster instead of a folder', () => {
  it.each([
    ['imc explain', ['explain', '-f', WORKLOAD, '-o', 'json', '--partial-match', 'pin', ...NOW]],
    ['imc caches', ['caches', '-f', WORKLOAD, '-o', 'json', ...NOW]],
  ])('%s says the same', async (_title, args) => {
    const live = await imc([...args, '--kubeconfig', kubeconfig]);
    const files = await imc([...args, '--dir', EXAMPLES]);
    expect(live).toEqual(files);
    expect(live.code).toBe(0);
  });

  it('the cluster builds caches, so that a partial match is left to it (spec M7)', async () => {
    const file = join(
      temporaryFolder({
        'pod.yaml':
          'apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop, labels: {eci: "true"}}\nspec: {containers: [{name: a, image: "redis:7.2.4"}, {name: b, image: none}]}\n',
      }),
      'pod.yaml',
    );
    const { out } = await imc(['explain', '-f', file, '--kubeconfig', kubeconfig, ...NOW]);
    expect(out).toMatch(/PartialMatch[^]*leaves the pod to ECI/);
  });

  it('a context, or a setting in the environment, is enough', async () => {
    const args = ['caches', ...NOW];
    const named = await imc([...args, '--kubeconfig', kubeconfig]);
    expect(await imc([...args, '--context', 'fake'], { env: { KUBECONFIG: kubeconfig } })).toEqual(named);
    expect(await imc(args, { env: { IMC_KUBECONFIG: kubeconfig } })).toEqual(named);
  });

  it('what cannot be used is told, and the rest counts', async () => {
    api.put(CACHES, { metadata: { name: 'odd' }, spec: { images: 'nginx' } });
    try {
      const { code, err, out } = await imc(['caches', '--kubeconfig', kubeconfig, ...NOW]);
      expect(err).toBe('Warning: ImageCache odd: spec.images: expected a list of image references\n');
      expect(out).toContain('cart-redis');
      expect(code).toBe(0);
    } finally {
      api.remove(CACHES, 'odd');
    }
  });

  it('a cluster without ImageCaches is told apart from an empty one (spec S2)', async () => {
    const stop = api.intercept((request, response) =>
      request.path === CACHES ? answerStatus(404, 'NotFound', 'no such resource')(request, response) : false,
    );
    const { code, err } = await imc(['explain', '-f', WORKLOAD, '--kubeconfig', kubeconfig, ...NOW]);
    stop();
    expect(err).toMatch(/^Warning: the cluster has no ImageCache resource .*: install the CRD/);
    expect(code).toBe(0);
  });

  it.each([
    ['a folder besides', ['--kubeconfig', 'x', '--dir', EXAMPLES], /--dir goes without --kubeconfig and --context/],
    [
      'a kubeconfig that is none',
      ['--kubeconfig', WORKLOAD],
      /checkout-deployment\.yaml: no context is the current one/,
    ],
    ['an unknown context', ['--context', 'x'], /there is no context "x"; choose one of fake with --context/],
  ])('bad usage: %s', async (_title, args, message) => {
    const { code, err } = await imc(['explain', '-f', WORKLOAD, ...args], { env: { KUBECONFIG: kubeconfig } });
    expect(err).toMatch(message);
    expect(err).not.toMatch(/^\s+at /m);
    expect(code).toBe(2);
  });

  it('a right that is missing, and a server that is not there, are told', async () => {
    const stop = api.intercept((request, response) =>
      request.path === NAMESPACES
        ? answerStatus(403, 'Forbidden', 'namespaces is forbidden')(request, response)
        : false,
    );
    const forbidden = await imc(['caches', '--kubeconfig', kubeconfig]);
    stop();
    expect(forbidden).toMatchObject({ code: 2, out: '' });
    expect(forbidden.err).toMatch(
      /403 Forbidden: namespaces is forbidden; grant this user or service account that right/,
    );

    const config = api.kubeconfig({}, { server: 'https://127.0.0.1:1' });
    const away = await imc(['caches', '--kubeconfig', join(temporaryFolder({ config }), 'config')]);
    expect(away).toMatchObject({ code: 2, err: expect.stringMatching(/127\.0\.0\.1:1: nothing listens there/) });
  });
});
