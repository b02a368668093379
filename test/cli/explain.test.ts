import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { temporaryFolder } from '../composition/temporary-folder.ts';
import { imc } from './recording-terminal.ts';

const CLUSTER = ['--dir', 'examples/cluster', '--now', '2026-04-10T09:05:00Z'];

describe('imc explain of the examples (spec section 8)', () => {
  const files = [
    'checkout-deployment',
    'cart-statefulset',
    'search-deployment',
    'web-deployment',
    'thumbnails-deployment',
    'left-alone',
  ];

  it.each(files)('explains %s to people', async (name) => {
    const { code, out, err } = await imc(['explain', '-f', `examples/workloads/${name}.yaml`, ...CLUSTER]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    await expect(out).toMatchFileSnapshot(`expected/explain-${name}.txt`);
  });

  it.each(files)('explains %s to programs', async (name) => {
    const { code, out, err } = await imc([
      'explain',
      '-f',
      `examples/workloads/${name}.yaml`,
      ...CLUSTER,
      '-o',
      'json',
    ]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    await expect(out).toMatchFileSnapshot(`expected/explain-${name}.json.txt`);
  });

  it.each(files)('explains %s in YAML as in JSON', async (name) => {
    const args = ['explain', '-f', `examples/workloads/${name}.yaml`, ...CLUSTER, '-o'];
    const [yaml, json] = [await imc([...args, 'yaml']), await imc([...args, 'json'])];
    expect(parse(yaml.out)).toEqual(JSON.parse(json.out));
  });

  it('accounts for every ImageCache of the folder, once, for every pod that is created', async () => {
    const { out } = await imc(['explain', '-f', 'examples/workloads', ...CLUSTER, '-o', 'json']);
    const pods = JSON.parse(out) as { candidates: { name: string }[]; others: { name: string }[] }[]; // as in the snapshots
    expect(pods).toHaveLength(23);
    for (const { candidates, others } of pods) {
      const names = [...candidates, ...others].map(({ name }) => name);
      expect(new Set(names).size).toBe(20);
      expect(names).toHaveLength(20);
    }
  });

  it('agrees with imc review about every pod', async () => {
    const args = ['-f', 'examples/workloads', ...CLUSTER, '-o', 'json'];
    const [explained, reviewed] = [await imc(['explain', ...args]), await imc(['review', ...args])];
    const facts = (out: string): unknown =>
      (JSON.parse(out) as Record<string, unknown>[]).map(
        ({ namespace, name, outcome, reason, cache, imageCacheId, warnings = [] }) => ({
          namespace,
          name,
          outcome,
          reason,
          cache,
          imageCacheId,
          warnings,
        }),
      );
    expect(facts(explained.out)).toEqual(facts(reviewed.out));
  });
});

const IMAGE = 'nginx:1.27.0';
const cache = (name: string, { metadata = '', status = 'phase: Ready', images = IMAGE } = {}): string =>
  `apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata: {name: ${name}, creationTimestamp: "2026-01-01T00:00:00Z"${metadata}}\nspec: {images: ["${images}"]}\nstatus: {imageCacheId: imc-${name}, ${status}}\n`;
const pod = (metadata = '', images: readonly string[] = [IMAGE]): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {eci: "true"}${metadata}}\nspec: {containers: [${images.map((image) => `{image: "${image}"}`).join(', ')}]}\n`;

/** The explanation of one pod, for programs. */
async function explanation(...documents: readonly string[]) {
  const { code, out } = await imc(['explain', '-f', '-', '-o', 'json', '--now', '2026-02-01T00:00:00Z'], {
    stdin: documents.join('---\n'),
  });
  expect(code).toBe(0);
  const [first] = JSON.parse(out) as {
    outcome: string;
    candidates: { name: string; reason?: string }[];
    others: { name: string; reason: string }[];
    images: object[];
    rules: object[];
  }[]; // as in the snapshots
  return first;
}

describe('the reasons of imc explain (spec section 8)', () => {
  it.each([
    { reason: 'NotReady', text: cache('c', { status: 'phase: Creating' }) },
    { reason: 'Expired', text: cache('c', { status: 'phase: Ready, expireDateTime: "2026-02-01T04:00:00Z"' }) },
    { reason: 'Deleting', text: cache('c', { metadata: ', deletionTimestamp: "2026-01-31T00:00:00Z"' }) },
    { reason: 'Retiring', text: cache('c', { metadata: ', labels: {imc-webhook/retiring: "true"}' }) },
    { reason: 'NoId', text: cache('c').replace('imageCacheId: imc-c', 'imageCacheId: ""') },
    { reason: 'ArchMismatch', text: cache('c', { metadata: ', annotations: {k8s.aliyun.com/imc-cpu-arch: arm64}' }) },
    { reason: 'OsMismatch', text: cache('c', { metadata: ', annotations: {k8s.aliyun.com/imc-os-type: windows}' }) },
    { reason: 'OtherNamespace', text: cache('c', { metadata: ', labels: {imc-webhook/namespace: batch}' }) },
    { reason: 'NoImageMatch', text: cache('c', { images: 'nginx:1.26.0' }) },
  ])('$reason keeps a cache from being a candidate', async ({ reason, text }) => {
    expect(await explanation(pod(), text)).toMatchObject({
      outcome: 'NoMatch',
      candidates: [],
      others: [{ name: 'c', reason }],
    });
  });

  it.each([
    { reason: 'BelowMatchCount', annotation: 'imc-match-count-request: "2"', outcome: 'MatchCountUnsatisfied' },
    { reason: 'NotPerfect', annotation: 'imc-perfect-match: "true"', outcome: 'PerfectMatchUnsatisfied' },
  ])('$reason keeps a candidate from being used', async ({ reason, annotation, outcome }) => {
    const restricted = pod(`, annotations: {k8s.aliyun.com/${annotation}}`, [IMAGE, 'redis']);
    expect(await explanation(restricted, cache('c'))).toMatchObject({ outcome, candidates: [{ name: 'c', reason }] });
  });

  it('OutrankedBy names the candidate that was better, and the best has no reason', async () => {
    const explained = await explanation(pod(), cache('b'), cache('a'));
    expect(explained?.candidates).toMatchObject([{ name: 'a' }, { name: 'b', reason: 'OutrankedBy:a' }]);
    expect(explained?.candidates[0]).not.toHaveProperty('reason');
  });

  it('names images that are no references', async () => {
    const explained = await explanation(pod('', [IMAGE, 'Not/Valid']), cache('c'));
    expect(explained?.images).toEqual([
      { image: 'docker.io/library/nginx:1.27.0', invalid: false, heldBy: ['c'], sizeBytes: 0 },
      { image: 'Not/Valid', invalid: true, heldBy: [], sizeBytes: 0 },
    ]);
  });

  it('names the first requirement of a rule that failed', async () => {
    const rules = [
      { name: 'all', effect: {} },
      {
        name: 'by-label',
        objectSelector: { matchLabels: { eci: 'true' }, matchExpressions: [{ key: 'tier', operator: 'Exists' }] },
      },
      { name: 'by-namespace', namespaceSelector: { matchLabels: { team: 'a' } } },
    ];
    const profile = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: eci-profile, namespace: kube-system}\ndata: {selectors: '${JSON.stringify(rules)}'}\n`;
    const explained = await explanation(pod(), cache('c'), profile);
    expect(explained?.rules).toMatchObject([
      { name: 'all', matched: true },
      { name: 'by-label', matched: false, because: expect.stringMatching(/^objectSelector: .*tier/) },
      { name: 'by-namespace', matched: false, because: 'namespaceSelector: the namespace is not known' },
    ]);
  });

  it('says so when a count request exceeds the number of distinct images (spec M6)', async () => {
    const stdin = `${pod(', annotations: {k8s.aliyun.com/imc-match-count-request: "3"}')}---\n${cache('c')}`;
    const { out } = await imc(['explain', '-f', '-'], { stdin });
    expect(out).toContain('no candidate holds 3 images, as imc-match-count-request asks; the pod has only 1');
  });

  it('explains a review that creates no pod in one line', async () => {
    const stdin =
      '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","operation":"DELETE","name":"web"}}';
    const { code, out } = await imc(['explain', '-f', '-'], { stdin });
    expect(code).toBe(0);
    expect(out).toBe('default/AdmissionReview/web: Skipped, since no pod is created\n');
  });

  it('ends with exit code 1 when a pod would be denied (spec M1)', async () => {
    const args = [
      'explain',
      '-f',
      'examples/workloads/gift-cards-deployment.yaml',
      ...CLUSTER,
      '--unready-pin',
      'deny',
    ];
    const { code, out } = await imc(args);
    expect(code).toBe(1);
    expect(out).toMatch(/^ {2}denied +annotation k8s\.aliyun\.com\/eci-imc-id pins ImageCache gift-cards-3-0/m);
    expect(JSON.parse((await imc([...args, '-o', 'json'])).out)).toMatchObject([
      { outcome: 'PinNotReady', message: expect.stringContaining('Wait until it is Ready') },
    ]);
  });

  it('explains pods that are skipped with the ranking they would have had', async () => {
    const { out } = await imc(['explain', '-f', '-'], {
      stdin: `${pod().replace('{eci: "true"}', '{}')}---\n${cache('c')}`,
    });
    expect(out).toMatch(/^ {2}outcome +Skipped \(NotEci\)$/m);
    expect(out).toContain('Candidates, best first');
  });

  it('prints in colours on a terminal that takes them', async () => {
    const folder = temporaryFolder({ 'a.yaml': `${pod()}---\n${cache('c')}` });
    expect((await imc(['explain', '-f', folder], { colour: true })).out).toContain(
      '\u001b[1mdefault/Pod/web\u001b[22m',
    );
  });
});
