import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import type { CacheRow } from '../../src/cli/cache-inventory.ts';
import type { CoverageRow } from '../../src/cli/workload-coverage.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { temporaryFolder } from '../composition/temporary-folder.ts';
import { hoursFromNow } from '../support/cluster-builder.ts';
import type { ImageCacheBuilder } from '../support/image-cache-builder.ts';
import { anImageCache } from '../support/image-cache-builder.ts';
import type { PodBuilder } from '../support/pod-builder.ts';
import { anEciPod } from '../support/pod-builder.ts';
import { expectedOutcomes } from './expected-outcomes.ts';
import { imc } from './recording-terminal.ts';

const EXAMPLES = ['caches', '--dir', 'examples/cluster', '--now', '2026-04-10T09:05:00Z'];
const WITH_WORKLOADS = [...EXAMPLES, '-f', 'examples/workloads'];

interface Inventory {
  readonly imageCaches: readonly CacheRow[];
  readonly workloads: readonly CoverageRow[];
  readonly coverage: JsonObject;
}

/** The inventory of these objects, at the moment for which the builders write. */
async function inventoryOf(
  objects: readonly (ImageCacheBuilder | PodBuilder | JsonObject)[],
  ...args: readonly string[]
): Promise<Inventory> {
  const items = objects.map((object) =>
    'build' in object && typeof object.build === 'function' ? object.build() : object,
  );
  const stdin = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const { code, out } = await imc(['caches', '-f', '-', '--now', hoursFromNow(0), '-o', 'json', ...args], { stdin });
  expect(code).toBe(0);
  return JSON.parse(out) as Inventory; // the shape is tested below
}

describe('imc caches of the examples (spec section 8)', () => {
  it('lists every ImageCache', async () => {
    const { code, out, err } = await imc(EXAMPLES);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    await expect(out).toMatchFileSnapshot('expected/caches.txt');
  });

  it('shows what workloads are covered by, and suggests ImageCaches for the gaps', async () => {
    const { code, out, err } = await imc([...WITH_WORKLOADS, '--suggest']);
    expect(code).toBe(0);
    await expect(out).toMatchFileSnapshot('expected/caches-suggest.txt');
    await expect(err).toMatchFileSnapshot('expected/caches-suggest-notes.txt');
  });

  it('names the images and disks in the wide table', async () => {
    const { out } = await imc([...WITH_WORKLOADS, '--suggest', '-o', 'wide']);
    await expect(out).toMatchFileSnapshot('expected/caches-wide.txt');
  });

  it('prints suggestions for kubectl apply', async () => {
    const { code, out } = await imc([...WITH_WORKLOADS, '--suggest', '-o', 'yaml']);
    expect(code).toBe(0);
    await expect(out).toMatchFileSnapshot('expected/caches-suggest.yaml');
  });

  it('agrees with imc explain about every ImageCache that is no candidate of anybody', async () => {
    const { imageCaches } = JSON.parse((await imc([...EXAMPLES, '-o', 'json'])).out) as Inventory;
    const explained = await imc(['explain', ...WITH_WORKLOADS.slice(1), '-o', 'json']);
    const pods = JSON.parse(explained.out) as { others: { name: string; reason: string }[] }[];
    const unusable = new Set(['NotReady', 'Expired', 'Deleting', 'Retiring', 'NoId']);
    const reasons = new Map<string, string>();
    for (const { name, reason } of pods.flatMap(({ others }) => others))
      if (unusable.has(reason)) reasons.set(name, reason);
    expect(new Map(imageCaches.flatMap(({ name, reason }) => (reason === undefined ? [] : [[name, reason]])))).toEqual(
      reasons,
    );
  });

  it('covers workloads as examples/README.md says imc review does', async () => {
    const { workloads } = JSON.parse((await imc([...WITH_WORKLOADS, '-o', 'json'])).out) as Inventory;
    const rows = new Map(workloads.map((row) => [`${row.namespace}/${row.name.replace(/^\w+\//, '')}`, row]));
    for (const { pod, outcome, coverage } of expectedOutcomes()) {
      const row = rows.get(pod);
      expect(row).toMatchObject({ outcome });
      if (coverage !== undefined) expect(`${row?.exact}/${row?.images}`).toBe(coverage);
    }
    expect(rows.size).toBe(expectedOutcomes().length);
  });

  it('proof by review: with the suggestions Ready, the workloads they are for match completely', async () => {
    const { out } = await imc([...WITH_WORKLOADS, '--suggest', '-o', 'json']);
    const { items } = JSON.parse(out) as { items: JsonObject[] };
    const ready = items.map((item, i) => ({ ...item, status: { phase: 'Ready', imageCacheId: `imc-new-${i}` } }));
    const folder = temporaryFolder({ 'new.json': JSON.stringify({ apiVersion: 'v1', kind: 'List', items: ready }) });
    const files = ['-f', 'examples/cluster', '-f', folder, '-f', 'examples/workloads'];
    const options = ['--now', '2026-04-10T09:05:00Z', '--suggest', '-o', 'json'];
    const { out: again, err } = await imc(['caches', ...files, ...options]);
    expect(JSON.parse(again)).toEqual({ apiVersion: 'v1', kind: 'List', items: [] });
    expect(err).toBe(
      'Note: shop/Deployment/wishlist waits for ImageCache wishlist-1-1 (Preparing 0%), which holds all its images.\n' +
        'Note: nothing else to suggest.\n',
    );
  });
});

describe('the inventory', () => {
  it('has everything the matcher knows of a cache', async () => {
    const cache = anImageCache('web')
      .holding('nginx:1', 'redis:7', 'Bad')
      .recording({ name: 'nginx:1', sizeBytes: 7 })
      .with(['spec', 'imageCacheSize'], 40)
      .forArchitecture('arm64')
      .privateTo('shop')
      .expiringAt(hoursFromNow(48));
    expect((await inventoryOf([cache])).imageCaches).toEqual([
      {
        name: 'web',
        imageCacheId: 'imc-web',
        phase: 'Ready',
        progress: '100%',
        usable: true,
        images: [{ image: 'docker.io/library/nginx:1', sizeBytes: 7 }, { image: 'docker.io/library/redis:7' }],
        invalidImages: ['Bad'],
        sizeBytes: 7,
        imageCacheSize: 40,
        platform: { architecture: 'arm64', os: 'linux' },
        namespace: 'shop',
        createdAt: '2026-01-01T00:00:00.000Z',
        expiresAt: '2026-01-17T12:00:00.000Z',
      },
    ]);
  });

  it.each([
    ['NotReady', anImageCache('x').inPhase('Creating', '5%')],
    ['Expired', anImageCache('x').expiringAt(hoursFromNow(-1))],
    ['Expired', anImageCache('x').expiringAt(hoursFromNow(3))],
    ['Deleting', anImageCache('x').beingDeleted()],
    ['Retiring', anImageCache('x').retiring()],
    ['NoId', anImageCache('x').withId('')],
  ])('spec C1: %s', async (reason, cache) => {
    expect((await inventoryOf([cache])).imageCaches).toMatchObject([{ usable: false, reason }]);
  });

  it('tells the cache that expires within the margin from the one that has expired', async () => {
    const stdin = [3, -3].map((hours) => anImageCache(`in-${hours}`).expiringAt(hoursFromNow(hours)).build());
    const { out } = await imc(['caches', '-f', '-', '--now', hoursFromNow(0)], {
      stdin: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: stdin }),
    });
    expect(out).toMatch(/^in-3 .* Expired \(within the margin\) .* in 3h$/m);
    expect(out).toMatch(/^in--3 .* Expired {3}.* 3h ago$/m);
    const withoutMargin = await imc(['caches', '-f', '-', '--now', hoursFromNow(0), '--expiry-margin', '1h'], {
      stdin: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: stdin }),
    });
    expect(withoutMargin.out).toMatch(/^in-3 .* yes .* in 3h$/m);
  });

  const several = [
    anImageCache('b').holding('a:1').createdAt('2026-01-03T00:00:00Z').expiringAt(hoursFromNow(9)),
    anImageCache('a').holding('a:1', 'b:1').createdAt('2026-01-02T00:00:00Z').recording({ name: 'a:1', sizeBytes: 9 }),
    anImageCache('d').holding('c:1').createdAt('2026-01-01T00:00:00Z').with(['spec', 'imageCacheSize'], 20),
    anImageCache('c')
      .holding('c:1', 'd:1')
      .createdAt('never')
      .inPhase('Creating')
      .recording({ name: 'c:1', sizeBytes: 99 }),
  ];

  it.each([
    ['name', 'abcd'],
    ['age', 'dabc'],
    ['expiry', 'bacd'],
    ['size', 'cdab'],
    ['disk', 'dabc'],
    ['images', 'acbd'],
    ['phase', 'cabd'],
    ['usable', 'abdc'],
  ])('--sort-by %s', async (by, expected) => {
    const { imageCaches } = await inventoryOf(several, '--sort-by', by);
    expect(imageCaches.map(({ name }) => name).join('')).toBe(expected);
  });

  it('--sort-by used: what nobody uses comes last', async () => {
    const pods = [anEciPod().withImage('c:1'), anEciPod().withImage('a:1').withImage('b:1')];
    const { imageCaches } = await inventoryOf([...several, ...pods], '--sort-by', 'used');
    expect(imageCaches.map(({ name, usedBy }) => [name, usedBy])).toEqual([
      ['a', ['default/Pod/web']],
      ['d', ['default/Pod/web']],
      ['b', []],
      ['c', []],
    ]);
  });

  it('a size that one cache recorded counts for all (spec C3)', async () => {
    const { imageCaches } = await inventoryOf(several);
    expect(imageCaches.map(({ name, sizeBytes }) => [name, sizeBytes])).toEqual([
      ['a', 9],
      ['b', 9],
      ['c', 99],
      ['d', 99],
    ]);
  });

  it('-o yaml is the same as -o json', async () => {
    const [yaml, json] = [await imc([...WITH_WORKLOADS, '-o', 'yaml']), await imc([...WITH_WORKLOADS, '-o', 'json'])];
    expect(parse(yaml.out)).toEqual(JSON.parse(json.out));
  });

  it('prints the same table in colours on a terminal that takes them', async () => {
    const args = [...WITH_WORKLOADS, '--suggest'];
    const [plain, colourful] = [await imc(args), await imc(args, { colour: true })];
    expect(colourful.out).toContain('\u001b[32myes\u001b[39m');
    expect(stripVTControlCharacters(colourful.out)).toBe(plain.out);
  });

  it('of nothing is no table, and a note', async () => {
    const folder = temporaryFolder();
    expect(await imc(['caches', '--dir', folder])).toEqual({
      code: 0,
      out: '',
      err: `Note: there is no ImageCache in ${folder}.\n`,
    });
    expect(JSON.parse((await imc(['caches', '--dir', folder, '-o', 'json'])).out)).toEqual({ imageCaches: [] });
  });
});

describe('coverage of workloads', () => {
  it('counts what is covered completely among what is not skipped', async () => {
    const { coverage } = JSON.parse((await imc([...WITH_WORKLOADS, '-o', 'json'])).out) as Inventory;
    expect(coverage).toEqual({ complete: 7, partial: 4, none: 6, skipped: 6, percent: 41.1 });
  });

  it.each([
    ['0%', 0],
    ['41%', 0],
    ['41.1', 0],
    ['41.2%', 1],
    ['100', 1],
  ])('--min-coverage %s ends with exit code %i', async (minimum, expected) => {
    const { code, err } = await imc([...WITH_WORKLOADS, '--min-coverage', minimum]);
    expect(code).toBe(expected);
    const below = `Failed: 41.1% of the workloads are covered completely, below --min-coverage ${minimum.replace('%', '')}%\n`;
    expect(err).toBe(expected === 0 ? '' : below);
  });

  it('--min-coverage is met where no workload counts', async () => {
    const { code, out } = await imc([
      ...EXAMPLES,
      '-f',
      'examples/workloads/left-alone.yaml',
      '--min-coverage',
      '100%',
    ]);
    expect(code).toBe(0);
    expect(out).toContain('No workload here gets or wants an ImageCache: 4 skipped\n');
  });

  it('tells reviews that create no pod from others', async () => {
    const review = {
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      request: { uid: '1', operation: 'DELETE' },
    };
    const { workloads } = await inventoryOf([review]);
    expect(workloads).toMatchObject([{ coverage: 'skipped', outcome: 'Skipped', reason: 'NotCreate' }]);
  });

  it('a pod without images is skipped, and said so', async () => {
    const { workloads } = await inventoryOf([anEciPod()]);
    expect(workloads).toMatchObject([{ coverage: 'skipped', outcome: 'NoMatch', reason: 'NoImages' }]);
  });
});

describe('imc caches --suggest', () => {
  const suggest = async (
    pods: readonly PodBuilder[],
    caches: readonly ImageCacheBuilder[] = [],
    output = 'yaml',
    more: readonly string[] = [],
  ): Promise<{ out: string; err: string }> => {
    const items = [...pods, ...caches].map((object) => object.build());
    const stdin = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    const args = ['caches', '-f', '-', '--now', hoursFromNow(0), '--suggest', '-o', output];
    const { code, out, err } = await imc([...args, ...more], { stdin });
    expect(code).toBe(0);
    return { out, err };
  };

  it('takes the Secrets of the pods, and makes the cache private to their namespace (spec N2)', async () => {
    const pod = anEciPod()
      .inNamespace('shop')
      .withImage('a:1')
      .with(['spec', 'imagePullSecrets'], [{ name: 'registry' }]);
    expect(parse((await suggest([pod])).out)).toMatchObject({
      metadata: { labels: { 'imc-webhook/namespace': 'shop' } },
      spec: { imagePullSecrets: ['shop:registry'] },
    });
  });

  it('names what it cannot help, and why', async () => {
    const many = Array.from({ length: 21 }, (_, i) => `app-${i}:1`);
    const { out, err } = await suggest([anEciPod().withImages(...many), anEciPod().withImages('a:1', 'Bad\n')]);
    expect(out).toBe('');
    expect(err).toContain(
      'Note: default/Pod/web has 21 images, and an ImageCache holds at most 20: it cannot be covered completely.\n',
    );
    expect(err).toContain(
      'Note: default/Pod/web has images that are no valid references: "Bad\\n"; correct them first.\n',
    );
  });

  it('warns of tags that move, and of sizes nobody knows', async () => {
    const cache = anImageCache('x')
      .inPhase('Failed')
      .recording({ name: 'b:1', sizeBytes: 20 * 1024 ** 3 });
    const { out } = await suggest([anEciPod().withImages('a', 'b:1')], [cache]);
    expect(out).toContain(
      '# imageCacheSize 40 is twice the known sizes, 20 at least (unknown: docker.io/library/a:latest); raise it if the images are large.\n',
    );
    expect(out).toMatch(/^# .*tags.*docker\.io\/library\/a:latest\.$/m);
  });

  it('goes by the settings for tags that move and for how long a build may take', async () => {
    const building = anImageCache('x').inPhase('Creating').holding('b:edge').createdAt(hoursFromNow(-2));
    const suggested = (...more: string[]) => suggest([anEciPod().withImage('b:edge')], [building], 'yaml', more);
    expect((await suggested('--auto-create-build-deadline', '3h')).err).toContain('waits for ImageCache x');
    expect((await suggested()).out).not.toContain('these tags');
    expect((await suggested('--auto-create-mutable-tags', 'edge')).out).toMatch(
      /^# .*tags.*docker\.io\/library\/b:edge\.$/m,
    );
  });

  it('says when a cache of that name is there and would have to go first', async () => {
    const pod = anEciPod().withImage('a:1');
    const first = parse((await suggest([pod])).out) as { metadata: { name: string } };
    const failed = anImageCache(first.metadata.name).inPhase('Failed').holding('a:1');
    expect((await suggest([pod], [failed])).out).toContain(
      '# An ImageCache of this name is there, and it is Failed: delete it first, since applying this changes nothing.\n',
    );
    expect((await suggest([pod], [failed], 'table')).err).toContain(
      `Note: ${first.metadata.name}: An ImageCache of this`,
    );
  });

  it('a name with a line break cannot leave its comment', async () => {
    const pod = anEciPod().withImage('a:1').with(['metadata', 'name'], 'x\nkind: Secret\u2028\r');
    const { out } = await suggest([pod]);
    expect(out).toContain('# Covers default/Pod/x kind: Secret  .\n');
    expect(parseAllDocuments(out).map((document) => (document.toJS() as JsonObject)['kind'])).toEqual(['ImageCache']);
  });

  it('says so when nothing is missing', async () => {
    const cache = anImageCache('x').holding('a:1');
    expect(await suggest([anEciPod().withImage('a:1')], [cache])).toEqual({
      out: '',
      err: 'Note: nothing to suggest: no workload here needs a new ImageCache.\n',
    });
  });

  it('prints a List, and everything that YAML says in comments, with -o json', async () => {
    const { out, err } = await suggest([anEciPod().withImages('a:1')], [], 'json');
    expect(JSON.parse(out)).toMatchObject({ apiVersion: 'v1', kind: 'List', items: [{ kind: 'ImageCache' }] });
    expect(err).toMatch(
      /^Note: suggested-[\da-f]{16}: imageCacheSize 20 is twice the known sizes, .*\(no size is known\)/m,
    );
  });
});

describe('bad usage of imc caches ends with exit code 2 and what to do', () => {
  it.each([
    ['no source at all', [], /there is nothing to list: name the ImageCaches with --dir, --kubeconfig or -f/],
    [
      '--suggest without files',
      ['--dir', 'examples/cluster', '--suggest'],
      /--suggest needs workloads: name their files with -f/,
    ],
    [
      '--min-coverage and --suggest without files',
      ['--dir', 'examples/cluster', '--suggest', '--min-coverage', '1'],
      /--suggest and --min-coverage need workloads: name/,
    ],
    ['--suggest without workloads in the files', ['-f', 'examples/cluster', '--suggest'], /no pod to review/],
    [
      'files without workloads beside a folder',
      ['--dir', 'examples/cluster', '-f', 'examples/cluster/namespaces.yaml'],
      /no pod to review, there is only Namespace/,
    ],
    ['a percentage that is none', ['-f', 'x', '--min-coverage', 'most'], /'most' is invalid.*0% to 100%/],
    ['more than everything', ['-f', 'x', '--min-coverage', '101%'], /'101%' is invalid.*0% to 100%/],
    ['a column there is not', ['-f', 'x', '--sort-by', 'colour'], /'colour' is invalid.*Allowed choices are name, age/],
    ['a file that is not there', ['-f', 'nowhere.yaml'], /nowhere\.yaml: no such file or folder/],
  ])('%s', async (_title, args, says) => {
    const { code, out, err } = await imc(['caches', ...args]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(says);
  });

  it('an ImageCache that cannot be read, with its place', async () => {
    const stdin =
      'apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata: {name: a}\nspec:\n  images: nginx\n';
    const { code, err } = await imc(['caches', '-f', '-'], { stdin });
    expect(code).toBe(2);
    expect(err).toBe('Error: <stdin>:5:11: spec.images: expected a list of image references\n');
  });
});
