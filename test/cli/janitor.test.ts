import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../composition/temporary-folder.ts';
import { answerStatus, FakeApiServer } from '../support/fake-api-server.ts';
import { imc } from './recording-terminal.ts';

const NOW = ['--now', '2026-11-29T02:00:00Z'];
const CACHES = '/apis/eci.alibabacloud.com/v1/imagecaches';
const PODS = '/api/v1/pods';
const COLLECTIONS = [CACHES, PODS, '/api/v1/namespaces', '/api/v1/namespaces/kube-system/configmaps'];

interface Marks {
  readonly createdAt?: string;
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
}

function aCache(name: string, id: string, { createdAt = '2026-10-01T00:00:00Z', labels, annotations }: Marks = {}) {
  return {
    apiVersion: 'eci.alibabacloud.com/v1',
    kind: 'ImageCache',
    metadata: {
      name,
      creationTimestamp: createdAt,
      labels: { 'imc-webhook/auto-created': 'true', ...labels },
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: { images: ['web:1'] },
    status: { phase: 'Ready', imageCacheId: id },
  };
}

const RETIRED = {
  labels: { 'imc-webhook/retiring': 'true', 'imc-webhook/namespace': 'shop' },
  annotations: {
    'imc-webhook/retiring-since': '2026-11-28T00:00:00Z',
    'imc-webhook/last-matched-at': '2026-10-20T00:00:00Z',
  },
};

describe('imc caches --janitor', () => {
  it('tells what would be done now and next, and does nothing of it', async () => {
    const { kubeconfig, api } = await aCluster();
    api.put(CACHES, aCache('auto-idle', 'imc-1'));
    api.put(CACHES, aCache('auto-used', 'imc-2'));
    api.put(CACHES, aCache('auto-retired', 'imc-3', RETIRED));
    api.put(CACHES, aCache('by-hand', 'imc-4', { labels: { 'imc-webhook/auto-created': 'false' } }));
    api.put(PODS, aPod('web', { 'k8s.aliyun.com/eci-imc-id': 'imc-2' }));
    const { code, out, err } = await imc(['caches', '--kubeconfig', kubeconfig, '--janitor', ...NOW]);
    expect(out).toBe(
      [
        'NAME           PHASE             NAMESPACE   LAST MATCHED   IN USE   NOW                                                    NEXT',
        'auto-idle      Ready             (all)       never          no       retire: no pod has used it for 7 days                  delete in 4h',
        'auto-retired   Ready, retiring   shop        40d ago        no       delete: it was retired, and no pod names it any more   -',
        'auto-used      Ready             (all)       never          yes      -                                                      -',
        '',
      ].join('\n'),
    );
    expect(err).toBe(
      'Note: 1 living pods name 1 ids, and want 0 ImageCaches.\nNote: 1 ImageCache of others is never touched.\n',
    );
    expect(code).toBe(0);
    expect(api.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
  });

  it('knows what living pods want, with the settings of the controller', async () => {
    const { kubeconfig, api } = await aCluster();
    const decision = JSON.stringify({ outcome: 'NoMatch', exact: 0, images: 1 });
    api.put(PODS, aPod('web', { 'imc-webhook/decision': decision }));
    api.put(PODS, { ...aPod('done', { 'imc-webhook/decision': decision }), status: { phase: 'Succeeded' } });
    const name = 'auto-478a5f4c8eb8bb13';
    api.put(CACHES, aCache(name, 'imc-3', { ...RETIRED, labels: { 'imc-webhook/retiring': 'true' } }));
    const args = ['caches', '--kubeconfig', kubeconfig, '--janitor', '-o', 'json', ...NOW];
    const config = join(temporaryFolder({ 'imc.yaml': 'autoCreate: {enabled: true}' }), 'imc.yaml');
    const { out } = await imc([...args, '--config', config]);
    expect(JSON.parse(out)).toEqual({
      imageCaches: [
        {
          name,
          phase: 'Ready',
          lastMatchedAt: '2026-10-20T00:00:00.000Z',
          retiringSince: '2026-11-28T00:00:00.000Z',
          inUse: false,
          now: { action: 'restore', because: 'pods want exactly its images' },
        },
      ],
    });
    // ECI makes them by itself, and so nobody would restore it.
    expect(JSON.parse((await imc(args)).out)).toMatchObject({ imageCaches: [{ now: { action: 'delete' } }] });
  });

  it('says that living pods are unknown with files, and where they must not be listed', async () => {
    const note = /which pods live is unknown/;
    const dir = temporaryFolder({ 'c.json': JSON.stringify(aCache('auto-idle', 'imc-1')) });
    const files = await imc(['caches', '--dir', dir, '--janitor', ...NOW]);
    expect(files).toMatchObject({
      code: 0,
      err: expect.stringMatching(note),
      out: expect.stringMatching(/unknown +retire/),
    });
    expect(await imc(['caches', '-f', join(dir, 'c.json'), '--janitor', ...NOW])).toEqual(files);

    const { kubeconfig, api } = await aCluster();
    api.put(CACHES, aCache('auto-idle', 'imc-1'));
    api.intercept((request, response) =>
      request.path === PODS ? answerStatus(403, 'Forbidden', 'no pods for you')(request, response) : false,
    );
    const { code, err, out } = await imc(['caches', '--kubeconfig', kubeconfig, '--janitor', ...NOW]);
    expect({ code, out }).toEqual({ code: 0, out: files.out });
    expect(err).toMatch(/^Warning: .*no pods for you/);
    expect(err).toMatch(note);
  });

  it('says so where there is nothing of ours', async () => {
    const cache = aCache('by-hand', 'imc-1', { labels: { 'imc-webhook/auto-created': 'false' } });
    const dir = temporaryFolder({ 'c.json': JSON.stringify(cache) });
    expect(await imc(['caches', '--dir', dir, '--janitor', ...NOW])).toEqual({
      code: 0,
      out: '',
      err: 'Note: none of the ImageCaches was made by the program.\nNote: 1 ImageCache of others is never touched.\n',
    });
  });

  it.each([
    [['--janitor'], /nothing to report on/],
    [['--janitor', '--dir', '.', '--suggest', '--min-coverage', '9'], /goes without --suggest and --min-coverage/],
    [['--janitor', '--dir', '.', '--sort-by', 'age'], /goes without --sort-by/],
    [['--janitor', '--dir', '.', '-f', 'README.md'], /looks at one cluster/],
  ])('refuses what makes no sense: %j', async (args, message) => {
    expect(await imc(['caches', ...args])).toMatchObject({ code: 2, out: '', err: expect.stringMatching(message) });
  });
});

describe('imc caches', () => {
  it('shows which ImageCaches the program made, and when pods last used them', async () => {
    const dir = temporaryFolder({
      'a.json': JSON.stringify(aCache('auto-retired', 'imc-3', RETIRED)),
      'b.json': JSON.stringify(aCache('by-hand', 'imc-1', { labels: { 'imc-webhook/auto-created': 'false' } })),
    });
    const { out } = await imc(['caches', '--dir', dir, ...NOW]);
    expect(out.split('\n').map((line) => line.split(/ {3,}/).slice(-3))).toEqual([
      ['EXPIRES', 'AUTO', 'LAST MATCHED'],
      ['never', 'yes', '40d ago'],
      ['never', '-', '-'],
      [''],
    ]);
    expect(JSON.parse((await imc(['caches', '--dir', dir, '-o', 'json', ...NOW])).out)).toMatchObject({
      imageCaches: [
        {
          name: 'auto-retired',
          namespace: 'shop',
          autoCreated: true,
          lastMatchedAt: '2026-10-20T00:00:00.000Z',
          retiring: true,
          retiringSince: '2026-11-28T00:00:00.000Z',
        },
        { name: 'by-hand' },
      ],
    });
  });
});

function aPod(name: string, annotations: Record<string, string>) {
  return {
    metadata: { name, namespace: 'shop', uid: `uid-of-${name}`, annotations },
    spec: { containers: [{ name: 'main', image: 'web:1' }] },
    status: { phase: 'Pending' },
  };
}

async function aCluster() {
  const api = await FakeApiServer.start();
  onTestFinished(() => api.stop());
  for (const collection of COLLECTIONS) api.addCollection(collection);
  return { api, kubeconfig: join(temporaryFolder({ config: api.kubeconfig() }), 'config') };
}
