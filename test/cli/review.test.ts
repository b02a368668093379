import { readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import type { ReviewRow } from '../../src/cli/review-row.ts';
import { temporaryFolder } from '../composition/temporary-folder.ts';
import { expectedOutcomes } from './expected-outcomes.ts';
import { imc } from './recording-terminal.ts';

const WORKLOADS = ['-f', 'examples/workloads'];
const CLUSTER = ['--dir', 'examples/cluster'];
/** After every example was written, before the one cache expires that does. */
const NOW = ['--now', '2026-04-10T09:05:00Z'];

const PIN = 'k8s.aliyun.com/eci-imc-id';
const AUTO = 'k8s.aliyun.com/eci-auto-imc';
const DECISION = 'imc-webhook/decision';

async function reviewRows(...args: readonly string[]): Promise<readonly ReviewRow[]> {
  const { code, out } = await imc(['review', ...args, '-o', 'json']);
  expect(code).toBe(0);
  return JSON.parse(out) as readonly ReviewRow[]; // the shape is tested below
}

describe('imc review of the examples', () => {
  const expected = expectedOutcomes();

  it('has a row in the table of examples/README.md for every pod, and no other', async () => {
    const rows = await reviewRows(...WORKLOADS, ...CLUSTER, ...NOW);
    const pods = rows.map(({ namespace, name }) => `${namespace}/${name.replace(/^\w+\//, '')}`);
    expect(pods.toSorted()).toEqual(expected.map(({ pod }) => pod).toSorted());
  });

  it.each(expected)('comes out for $pod as examples/README.md says: $outcome', async ({ pod, file, ...row }) => {
    const rows = await reviewRows('-f', `examples/workloads/${file}`, ...CLUSTER, ...NOW);
    const found = rows.find(({ namespace, name }) => pod === `${namespace}/${name.replace(/^\w+\//, '')}`);
    expect(found).toMatchObject({ allowed: true, outcome: row.outcome });
    expect(found?.reason).toBe(row.reason);
    expect(found?.cache).toBe(row.cache);
    expect(found?.images === undefined ? undefined : `${found.exact}/${found.images}`).toBe(row.coverage);
    expect(writtenBy(found)).toBe(row.written === 'pin, by the rule' ? 'pin' : row.written);
  });

  it.each(expected.filter(({ outcome }) => outcome !== 'Skipped'))(
    'gives $pod the effects of the rule for every pod',
    async ({ pod, file }) => {
      const rows = await reviewRows('-f', `examples/workloads/${file}`, ...CLUSTER, ...NOW);
      const found = rows.find(({ namespace, name }) => pod === `${namespace}/${name.replace(/^\w+\//, '')}`);
      expect(found?.annotations['k8s.aliyun.com/eci-schedule-strategy']).toBe('VSwitchRandom');
      const costCentre = pod === 'shop/recommender' ? undefined : pod.startsWith('shop/') ? 'storefront' : 'shared';
      expect(found?.labels['cost-centre']).toBe(costCentre);
      const count = found?.annotations['k8s.aliyun.com/imc-match-count-request'];
      expect(count).toBe(pod === 'batch/sales-report' ? '2' : undefined);
    },
  );

  it('prints a row for each pod, and the warnings on standard error', async () => {
    const { code, out, err } = await imc(['review', ...WORKLOADS, ...CLUSTER, ...NOW]);
    expect(code).toBe(0);
    await expect(out).toMatchFileSnapshot('expected/review-examples.txt');
    await expect(err).toMatchFileSnapshot('expected/review-examples-warnings.txt');
  });

  it('prints the same table in colours on a terminal that takes them', async () => {
    const plain = await imc(['review', ...WORKLOADS, ...CLUSTER, ...NOW]);
    const colourful = await imc(['review', ...WORKLOADS, ...CLUSTER, ...NOW], { colour: true });
    expect(colourful.out).toContain('\u001b[32mCompleteMatch\u001b[39m');
    expect(stripVTControlCharacters(colourful.out)).toBe(plain.out);
  });

  it('answers the review in examples/reviews as the first row', async () => {
    const rows = await reviewRows('-f', 'examples/reviews/checkout-pod.json', ...CLUSTER, ...NOW);
    expect(rows).toMatchObject([{ namespace: 'shop', outcome: 'CompleteMatch', cache: 'checkout-2-8-1-rebuilt' }]);
  });

  it('comes out with examples/imc.yaml as with the defaults', async () => {
    const [defaults, fromFile] = [
      await imc(['review', ...WORKLOADS, ...CLUSTER, ...NOW, '-o', 'review']),
      await imc(['review', ...WORKLOADS, ...CLUSTER, ...NOW, '-o', 'review', '--config', 'examples/imc.yaml']),
    ];
    expect(fromFile).toEqual(defaults);
  });

  it('leaves partial matches to ECI where it builds the caches, unless a count request is met (spec M7)', async () => {
    const rows = await reviewRows(...WORKLOADS, ...CLUSTER, ...NOW, '--controller-driver', 'external');
    const written = new Map(rows.map((row) => [row.name, writtenBy(row)]));
    expect(written.get('StatefulSet/cart')).toBe('auto');
    expect(written.get('CronJob/sales-report')).toBe('pin');
  });

  it('refuses the pod with the unready pin when asked to, with exit code 1 and the reason (spec M1)', async () => {
    const { code, out, err } = await imc(['review', ...WORKLOADS, ...CLUSTER, ...NOW, '--unready-pin', 'deny']);
    expect(code).toBe(1);
    expect(out).toMatch(/^shop +Deployment\/gift-cards +PinNotReady, denied +gift-cards-3-0 +- +-$/m);
    expect(err).toMatch(
      /^Denied: shop\/Deployment\/gift-cards: .*gift-cards-3-0.*Creating \(60%\).*Wait until it is Ready/m,
    );
  });

  it('decides at the time it is told (spec C1)', async () => {
    const before = await reviewRows(
      '-f',
      'examples/workloads/web-deployment.yaml',
      ...CLUSTER,
      '--now',
      '2025-12-03T05:00:04Z',
    );
    expect(before).toMatchObject([{ outcome: 'CompleteMatch', cache: 'web-9-4-1-november' }]);
    const atMargin = await reviewRows(
      '-f',
      'examples/workloads/web-deployment.yaml',
      ...CLUSTER,
      '--now',
      '2025-12-03T05:00:05Z',
    );
    expect(atMargin).toMatchObject([{ outcome: 'MatchCountUnsatisfied' }]);
    const withoutMargin = [...CLUSTER, '--now', '2025-12-03T05:00:05Z', '--expiry-margin', '0s'];
    expect(await reviewRows('-f', 'examples/workloads/web-deployment.yaml', ...withoutMargin)).toMatchObject([
      { outcome: 'CompleteMatch' },
    ]);
  });
});

/** In the words of examples/README.md. */
function writtenBy(row: ReviewRow | undefined): string {
  if (row?.annotations[DECISION] === undefined) return 'nothing';
  if (row.annotations[PIN] !== undefined) return 'pin';
  return row.annotations[AUTO] === 'true' ? 'auto' : '-';
}

describe('the outputs of imc review (spec section 8)', () => {
  const CART = ['review', '-f', 'examples/workloads/cart-statefulset.yaml', ...CLUSTER, ...NOW];
  const LEFT_ALONE = ['review', '-f', 'examples/workloads/left-alone.yaml', ...CLUSTER, ...NOW];

  it('-o json: a list with everything about each pod', async () => {
    const { out } = await imc([...CART, '-o', 'json']);
    expect(JSON.parse(out)).toEqual([
      {
        namespace: 'shop',
        name: 'StatefulSet/cart',
        allowed: true,
        outcome: 'PartialMatch',
        cache: 'cart-redis',
        imageCacheId: 'imc-2zetnjfbf5jxvlsi47wq',
        exact: 2,
        images: 3,
        missing: ['docker.io/library/busybox:1.36.1'],
        rules: ['storefront-pays-for-itself', 'every-eci-pod'],
        warnings: [],
        annotations: {
          [DECISION]: expect.stringMatching(/^\{"outcome":"PartialMatch","cache":"cart-redis",/),
          [PIN]: 'imc-2zetnjfbf5jxvlsi47wq',
          'k8s.aliyun.com/eci-schedule-strategy': 'VSwitchRandom',
        },
        labels: { 'cost-centre': 'storefront' },
      },
    ]);
  });

  it('-o json: a skipped pod with its reason, and nothing patched', async () => {
    const { out } = await imc([...LEFT_ALONE, '-o', 'json']);
    expect(JSON.parse(out)).toMatchObject([
      { outcome: 'Skipped', reason: 'NotEci', warnings: [], annotations: {}, labels: {} },
      { outcome: 'Skipped', reason: 'Ignored' },
      { outcome: 'Skipped', reason: 'Acs' },
      { outcome: 'Skipped', reason: 'SystemNamespace' },
    ]);
  });

  it('-o yaml: the same as -o json', async () => {
    const all = ['review', ...WORKLOADS, ...CLUSTER, ...NOW];
    const [yaml, json] = [await imc([...all, '-o', 'yaml']), await imc([...all, '-o', 'json'])];
    expect(parse(yaml.out)).toEqual(JSON.parse(json.out));
  });

  it('-o review: one line with an AdmissionReview for each pod', async () => {
    const { out } = await imc(['review', ...WORKLOADS, ...CLUSTER, ...NOW, '-o', 'review']);
    const lines = out.trimEnd().split('\n');
    expect(lines).toHaveLength(expectedOutcomes().length);
    for (const line of lines) {
      expect(JSON.parse(line)).toMatchObject({
        kind: 'AdmissionReview',
        apiVersion: 'admission.k8s.io/v1',
        response: { uid: expect.stringMatching(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/), allowed: true },
      });
    }
  });

  it('-o review: the same bytes for the same pods', async () => {
    const all = ['review', ...WORKLOADS, ...CLUSTER, ...NOW, '-o', 'review'];
    expect(await imc(all)).toEqual(await imc(all));
  });

  it('-o patch: one line with the operations for each pod, an empty list for those left alone', async () => {
    const { out } = await imc([...CART, '-o', 'patch']);
    expect(out).toMatch(/^\[.*\]\n$/);
    expect(JSON.parse(out)).toEqual([
      {
        op: 'add',
        path: '/metadata/annotations',
        value: {
          'k8s.aliyun.com/eci-schedule-strategy': 'VSwitchRandom',
          [PIN]: 'imc-2zetnjfbf5jxvlsi47wq',
          [DECISION]: expect.any(String),
        },
      },
      { op: 'add', path: '/metadata/labels/cost-centre', value: 'storefront' },
    ]);
    expect((await imc([...LEFT_ALONE, '-o', 'patch'])).out).toBe('[]\n[]\n[]\n[]\n');
  });

  it('-o pod: the pods as they would be stored, in documents of their own', async () => {
    const { out } = await imc([
      ...LEFT_ALONE.slice(0, 2),
      'examples/workloads/left-alone.yaml',
      ...CART.slice(1),
      '-o',
      'pod',
    ]);
    const pods = parseAllDocuments(out).map((document) => document.toJS() as Record<string, unknown>); // pods, as seen below
    expect(pods.map(({ kind }) => kind)).toEqual(['Pod', 'Pod', 'Pod', 'Pod', 'Pod']);
    expect(pods[4]).toMatchObject({
      metadata: {
        generateName: 'cart-',
        namespace: 'shop',
        labels: { 'app.kubernetes.io/name': 'cart', 'cost-centre': 'storefront' },
        annotations: { [PIN]: 'imc-2zetnjfbf5jxvlsi47wq' },
      },
    });
    // An owner without a uid would keep them from being created.
    expect(out).not.toContain('ownerReferences');
    await expect(out).toMatchFileSnapshot('expected/review-pods.yaml');
  });

  it('-o pod: can be reviewed again, and nothing changes any more (spec M11)', async () => {
    // A pod of a DaemonSet is skipped for its owner, which is not printed.
    const pods = expectedOutcomes().filter(({ reason }) => reason !== 'DaemonSet');
    const files = [...new Set(pods.map(({ file }) => file))].flatMap((file) => ['-f', `examples/workloads/${file}`]);
    const first = await imc(['review', ...files, ...CLUSTER, ...NOW, '-o', 'pod']);
    const again = await imc(['review', '-f', '-', ...CLUSTER, ...NOW, '-o', 'patch'], { stdin: first.out });
    expect(again.out).toBe('[]\n'.repeat(pods.length));
  });

  it('-o pod: fills in no imagePullPolicy, although the review has it as the API server does', async () => {
    const pod =
      'apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {eci: "true"}}\nspec: {containers: [{name: a, image: nginx}]}\n';
    const caches =
      '---\napiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata: {name: a}\nspec: {images: [nginx]}\nstatus: {phase: Ready, imageCacheId: imc-a}\n';
    const { out, err } = await imc(['review', '-f', '-', '-o', 'pod'], { stdin: pod + caches });
    expect(out).not.toContain('imagePullPolicy');
    expect(err).toContain('imagePullPolicy Always');
  });
});

describe('where the cluster comes from', () => {
  const BOTH = `${readFileSync('examples/workloads/recommender-deployment.yaml', 'utf8')}---\n`;

  it('without --dir the ImageCaches, Namespaces and rules among the files count', async () => {
    const rows = await reviewRows(
      '-f',
      'examples/cluster',
      '-f',
      'examples/workloads/checkout-deployment.yaml',
      ...NOW,
    );
    expect(rows).toMatchObject([{ outcome: 'CompleteMatch', cache: 'checkout-2-8-1-rebuilt' }]);
  });

  it('with --dir only what is there counts', async () => {
    const stdin = `${BOTH}apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {imc-webhook/ignore: "true"}}\n`;
    const { out } = await imc(['review', '-f', '-', ...CLUSTER, ...NOW, '-o', 'json'], { stdin });
    expect(JSON.parse(out)).toMatchObject([{ outcome: 'Pinned' }]);
  });

  it('says so when there is no ImageCache, for that is rarely meant', async () => {
    const { code, err } = await imc(['review', '-f', 'examples/workloads/price-check-pod.yaml']);
    expect(code).toBe(0);
    expect(err).toContain('Note: there is no ImageCache among the files; name their folder with --dir.\n');
    const empty = temporaryFolder();
    const withFolder = await imc(['review', '-f', 'examples/workloads/price-check-pod.yaml', '--dir', empty]);
    expect(withFolder.err).toContain(`Note: there is no ImageCache in ${empty}.\n`);
  });

  it('settings come from flags before the environment before the file', async () => {
    const config = `${temporaryFolder({ 'imc.yaml': 'mode: "off"\n' })}/imc.yaml`;
    const args = [
      'review',
      '-f',
      'examples/workloads/cart-statefulset.yaml',
      ...CLUSTER,
      ...NOW,
      '-o',
      'json',
      '--config',
      config,
    ];
    const outcome = async (more: readonly string[], env: Record<string, string>): Promise<unknown> =>
      JSON.parse((await imc([...args, ...more], { env })).out);
    expect(await outcome([], {})).toMatchObject([{ outcome: 'Skipped', reason: 'Off' }]);
    expect(await outcome([], { IMC_MODE: 'observe' })).toMatchObject([
      { outcome: 'PartialMatch', annotations: { [DECISION]: expect.stringContaining('"would"') } },
    ]);
    expect(await outcome(['--mode', 'enforce'], { IMC_MODE: 'observe' })).toMatchObject([
      { annotations: { [PIN]: 'imc-2zetnjfbf5jxvlsi47wq' } },
    ]);
  });

  it('warns of an environment variable that looks like a setting and is none', async () => {
    const { code, err } = await imc(['review', '-f', 'examples/workloads/cart-statefulset.yaml', ...CLUSTER], {
      env: { IMC_MODES: 'off' },
    });
    expect(code).toBe(0);
    expect(err).toContain('Warning: environment IMC_MODES: unknown setting, ignored; did you mean IMC_MODE?\n');
  });
});
