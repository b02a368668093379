import { cpSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { until } from '../certs/until.ts';
import { imc } from '../cli/recording-terminal.ts';
import { ReviewPoster } from '../composition/https-client.ts';
import { temporaryFolder, writeIn } from '../composition/temporary-folder.ts';
import { aShopReview, buildProgram, RunningServer } from './built-program.ts';

const REGISTRY = 'registry-vpc.cn-beijing.aliyuncs.com/lantern-tea';
const CHECKOUT = readFileSync('examples/reviews/checkout-pod.json', 'utf8');
const SEARCH = aShopReview('search', `${REGISTRY}/search:8.0.3`);
const GIFT_CARDS = aShopReview('gift-cards', `${REGISTRY}/gift-cards:3.0.0`, {
  annotations: { 'k8s.aliyun.com/eci-imc-id': 'imc-2zem57ocubrl5ptp5aa8' },
});

let program: string;

beforeAll(async () => {
  program = await buildProgram();
});

/** A copy of the cluster of the examples. */
function aCluster(): string {
  const dir = temporaryFolder();
  cpSync('examples/cluster', dir, { recursive: true });
  return dir;
}

/** Changes a file as editors do: a new file takes the place of the old one. */
function edit(dir: string, path: string, change: (text: string) => string): void {
  const text = change(readFileSync(join(dir, path), 'utf8'));
  writeIn(dir, `${path}.new`, text);
  renameSync(join(dir, `${path}.new`), join(dir, path));
}

describe('the built file serves (spec section 8, files source)', () => {
  it('is ready, and answers over TLS with the CA it wrote', async () => {
    const server = await RunningServer.start(program, { dir: aCluster() });
    expect(await server.answer(CHECKOUT)).toMatchObject({
      allowed: true,
      outcome: 'CompleteMatch',
      pin: 'imc-2ze5zr37e3p3e2z8iq9y',
    });
    expect(await server.readiness()).toEqual({ status: 200, text: expect.stringMatching(/^(\[\+\] .*\n)+ok\n$/) });
    expect(server.err).toBe('');
  });

  it('answers as the golden file of the same review, byte for byte, whatever connection it comes over', async () => {
    const server = await RunningServer.start(program, {
      dir: join(process.cwd(), 'test/golden/vendor-perfect-match/cluster'),
    });
    const review = readFileSync('test/golden/vendor-perfect-match/review.json', 'utf8');
    const { body } = JSON.parse(readFileSync('test/golden/vendor-perfect-match/expected.json', 'utf8')) as {
      body: unknown;
    }; // see test/golden
    const answers = await Promise.all([1, 2, 3].map(() => server.poster().post(review)));
    expect(answers.map(({ text }) => text)).toEqual(answers.map(() => JSON.stringify(body)));
  });

  it('takes the folder it is started in for the cluster, and says that it is empty', async () => {
    const server = await RunningServer.start(program, { dir: '.' });
    expect(await server.answer(SEARCH)).toMatchObject({ outcome: 'Skipped' });
    expect(server.logged('ready')).toMatchObject([{ imageCaches: 0, namespaces: 0, profileRules: 0 }]);
  });

  it('serves metrics that count what it answered (spec S8)', async () => {
    const server = await RunningServer.start(program, { dir: aCluster() });
    for (const review of [CHECKOUT, CHECKOUT, SEARCH]) await server.answer(review);
    const metrics = await (await fetch(`${server.operations}/metrics`)).text();
    expect(metrics).toContain('imc_reviews_total{outcome="CompleteMatch"} 3\n');
    expect(metrics).toContain('imc_reviews_total{outcome="Skipped"} 0\n');
    expect(metrics).toContain('imc_objects{resource="imagecaches"} 20\n');
    expect(metrics).toContain('imc_objects{resource="namespaces"} 5\n');
    expect(metrics).toMatch(/^imc_build_info\{.*version="\d+\.\d+\.\d+".*\} 1$/m);
    expect(metrics).toMatch(/^imc_review_duration_seconds_count(\{.*\})? 3$/m);
    expect(metrics).not.toContain('shop');
  });

  it('leaves the pods of its own namespace alone: POD_NAMESPACE (spec G3)', async () => {
    const server = await RunningServer.start(program, { dir: aCluster(), env: { POD_NAMESPACE: 'shop' } });
    expect(await server.answer(CHECKOUT)).toMatchObject({ outcome: 'Skipped', pin: undefined });
    await until(() => server.logged('reviewed').length === 1);
    expect(server.logged('reviewed')).toMatchObject([{ outcome: 'Skipped', reason: 'OwnNamespace' }]);
  });

  it('serves the certificate it is given, and another one when the files change, to new connections (spec S1)', async () => {
    const certs = temporaryFolder();
    await imc(['certs', 'generate', '--out', certs, '--force']);
    const oldCa = readFileSync(join(certs, 'ca.crt'), 'utf8');
    const server = await RunningServer.start(program, { dir: aCluster(), args: ['--cert-dir', certs] });
    const kept = new ReviewPoster(server.admission, oldCa);
    expect((await kept.post(CHECKOUT)).status).toBe(200);

    await imc(['certs', 'generate', '--out', certs, '--force']);
    const newCa = readFileSync(join(certs, 'ca.crt'), 'utf8');
    const statusWith = async (ca: string): Promise<number> => {
      const poster = new ReviewPoster(server.admission, ca);
      try {
        return (await poster.post(CHECKOUT)).status;
      } catch {
        return 0;
      } finally {
        poster.close();
      }
    };
    await until(async () => (await statusWith(newCa)) === 200);
    expect(await statusWith(oldCa)).toBe(0);
    expect((await kept.post(CHECKOUT)).status).toBe(200);
    kept.close();
  });
});

describe('the built file follows its folder: the next review knows (spec section 8, P7)', () => {
  it('a cache that becomes Ready is pinned, by the user and by a rule', async () => {
    const dir = aCluster();
    const server = await RunningServer.start(program, { dir });
    expect(await server.answer(GIFT_CARDS)).toMatchObject({ outcome: 'PinNotReady' });
    expect(await server.answer(SEARCH)).toMatchObject({ outcome: 'CompleteMatch', cache: 'storefront-common' });
    edit(dir, 'image-caches/in-progress.yaml', (text) =>
      text.replaceAll(/phase: (Creating|Updating)/g, 'phase: Ready'),
    );
    await until(async () => (await server.answer(GIFT_CARDS)).outcome === 'Pinned');
    expect(await server.answer(SEARCH)).toMatchObject({ outcome: 'Pinned', pin: 'imc-2zesa7l3609y6n14do9g' });
  });

  it('a cache in a new file of a new folder is found, and forgotten with its file', async () => {
    const dir = aCluster();
    const server = await RunningServer.start(program, { dir });
    const review = aShopReview('new', 'example.com/new:1');
    expect(await server.answer(review)).toMatchObject({ outcome: 'NoMatch', pin: undefined });
    writeIn(
      dir,
      'team/a/new.yaml',
      'apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata: {name: new}\nspec: {images: ["example.com/new:1"]}\nstatus: {phase: Ready, imageCacheId: imc-new}\n',
    );
    await until(async () => (await server.answer(review)).pin === 'imc-new');
    rmSync(join(dir, 'team'), { recursive: true });
    await until(async () => (await server.answer(review)).outcome === 'NoMatch');
  });

  it('a deleted file takes its caches along', async () => {
    const dir = aCluster();
    const server = await RunningServer.start(program, { dir });
    rmSync(join(dir, 'image-caches/checkout.yaml'));
    await until(async () => (await server.answer(CHECKOUT)).outcome !== 'CompleteMatch');
    expect(await server.answer(CHECKOUT)).toMatchObject({ outcome: 'PerfectMatchUnsatisfied', pin: undefined });
  });

  it('a changed eci-profile counts, and so do changed labels of a namespace', async () => {
    const dir = aCluster();
    const server = await RunningServer.start(program, { dir });
    expect((await server.answer(CHECKOUT)).labels).toEqual({ 'cost-centre': 'storefront' });
    edit(dir, 'eci-profile.yaml', (text) => text.replace('{"cost-centre": "storefront"}', '{"cost-centre": "tea"}'));
    await until(async () => (await server.answer(CHECKOUT)).labels['cost-centre'] === 'tea');
    edit(dir, 'namespaces.yaml', (text) => text.replace('team: storefront', 'team: backroom'));
    await until(async () => (await server.answer(CHECKOUT)).labels['cost-centre'] === 'shared');
    rmSync(join(dir, 'eci-profile.yaml'));
    await until(async () => Object.keys((await server.answer(CHECKOUT)).labels).length === 0);
  });

  it('a broken file keeps its last good content, is named in the readiness details, and heals (spec S2)', async () => {
    const dir = aCluster();
    const server = await RunningServer.start(program, { dir });
    const whole = readFileSync(join(dir, 'image-caches/checkout.yaml'), 'utf8');
    edit(dir, 'image-caches/checkout.yaml', (text) =>
      text.slice(0, 700).replace('kind: ImageCache', 'kind: [ImageCache'),
    );
    await until(async () => (await server.readiness()).text.includes('image-caches/checkout.yaml:'));
    const { status, text } = await server.readiness();
    expect(status).toBe(200);
    expect(text).toMatch(/^\[!\] .*image-caches\/checkout\.yaml:\d+:\d+: .+$/m);
    expect(await server.answer(CHECKOUT)).toMatchObject({ outcome: 'CompleteMatch', cache: 'checkout-2-8-1-rebuilt' });
    const warnings = () => server.log.filter(({ level }) => level === 'warn');
    await until(() => warnings().length > 0);
    expect(warnings()).toMatchObject([{ problem: expect.stringContaining('checkout.yaml:') }]);
    edit(dir, 'image-caches/checkout.yaml', () => whole);
    await until(async () => !(await server.readiness()).text.includes('[!]'));
  });

  it('a broken eci-profile keeps the last good rules (spec P6)', async () => {
    const dir = aCluster();
    const server = await RunningServer.start(program, { dir });
    edit(dir, 'eci-profile.yaml', (text) =>
      text.replace('"name": "every-eci-pod"', '"name": "storefront-pays-for-itself"'),
    );
    await until(async () => (await server.readiness()).text.includes('another rule has the name'));
    expect((await server.readiness()).text).toMatch(
      /^\[!\] .*eci-profile\.yaml:\d+:\d+: selectors\[4\]\.name: rule "storefront-pays-for-itself": /m,
    );
    expect((await server.answer(CHECKOUT)).labels).toEqual({ 'cost-centre': 'storefront' });
    expect(await (await fetch(`${server.operations}/metrics`)).text()).toContain('imc_profile_valid 0\n');
  });
});

describe('the built file follows its settings file (spec section 8, M12)', () => {
  it('mode changes count for the next review; a broken file changes nothing', async () => {
    const folder = temporaryFolder({ 'imc.yaml': 'mode: enforce\n' });
    const server = await RunningServer.start(program, {
      dir: aCluster(),
      args: ['--config', join(folder, 'imc.yaml')],
    });
    expect(await server.answer(CHECKOUT)).toMatchObject({ pin: 'imc-2ze5zr37e3p3e2z8iq9y' });

    edit(folder, 'imc.yaml', () => 'mode: observe\n');
    await until(async () => (await server.answer(CHECKOUT)).pin === undefined);
    expect(await server.answer(CHECKOUT)).toMatchObject({ outcome: 'CompleteMatch', labels: {} });

    edit(folder, 'imc.yaml', () => 'mode: of\n');
    await until(() => server.logged('settings file not taken, the old settings stay').length === 1);
    expect(await server.answer(CHECKOUT)).toMatchObject({ outcome: 'CompleteMatch', pin: undefined });

    edit(folder, 'imc.yaml', () => 'mode: "off"\n');
    await until(async () => (await server.answer(CHECKOUT)).outcome === 'Skipped');

    rmSync(join(folder, 'imc.yaml'));
    await until(() => server.logged('settings file not taken, the old settings stay').length === 2);
    expect(await server.answer(CHECKOUT)).toMatchObject({ outcome: 'Skipped' });
  });

  it('unreadyPin and the log level change while it runs, a port does not', async () => {
    const folder = temporaryFolder({ 'imc.yaml': '' });
    const server = await RunningServer.start(program, {
      dir: aCluster(),
      args: ['--config', join(folder, 'imc.yaml')],
    });
    expect(await server.answer(GIFT_CARDS)).toMatchObject({ allowed: true });
    edit(folder, 'imc.yaml', () => 'unreadyPin: deny\nlog: {level: warn}\nadminHost: 127.0.0.2\n');
    await until(async () => !(await server.answer(GIFT_CARDS)).allowed);
    await until(() => server.logged('changed settings count after a restart').length === 1);
    expect(server.logged('changed settings count after a restart')).toMatchObject([{ keys: ['adminHost'] }]);
    const before = server.logged('reviewed').length;
    await server.answer(CHECKOUT);
    edit(folder, 'imc.yaml', () => 'log: {level: info}\n');
    await until(async () => (await server.answer(GIFT_CARDS)).allowed);
    await until(() => server.logged('reviewed').some(({ uid }) => uid === 'uid-of-gift-cards'));
    expect(
      server
        .logged('reviewed')
        .slice(before)
        .filter(({ uid }) => uid === '7b0f6c1e-4d0a-4a53-9c1b-0d7e2f6a9b34'),
    ).toEqual([]);
  });
});

describe('the log of the built file (spec S5)', () => {
  const SECRET = 'hunter2-and-a-half';

  it('has one JSON line for each review, with exactly the documented fields', async () => {
    const server = await RunningServer.start(program, { dir: aCluster() });
    await server.answer(aShopReview('search', `${REGISTRY}/search:8.0.3`, { uid: 'uid-1', env: SECRET }));
    await server.answer(aShopReview('unknown', 'example.com/unknown:1', { uid: 'uid-2', env: SECRET }));
    await server.answer(CHECKOUT.replace('"operation": "CREATE"', '"operation": "DELETE"'));
    await until(() => server.logged('reviewed').length === 3);

    const frame = {
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      component: 'admission',
      msg: 'reviewed',
    };
    const durationMs = expect.any(Number);
    expect(server.logged('reviewed')).toEqual([
      {
        ...frame,
        uid: 'uid-1',
        namespace: 'shop',
        pod: 'search-',
        outcome: 'CompleteMatch',
        imageCache: 'storefront-common',
        durationMs,
      },
      { ...frame, uid: 'uid-2', namespace: 'shop', pod: 'unknown-', outcome: 'NoMatch', durationMs },
      {
        ...frame,
        uid: '7b0f6c1e-4d0a-4a53-9c1b-0d7e2f6a9b34',
        namespace: 'shop',
        pod: 'checkout-6c9f7d8b54-',
        outcome: 'Skipped',
        reason: 'NotCreate',
        durationMs,
      },
    ]);
  });

  it('never holds what stands in a pod: not for a review, not for a malformed one, not for a failed one', async () => {
    const server = await RunningServer.start(program, { dir: aCluster(), args: ['--log-level', 'debug'] });
    const review = aShopReview('web', 'example.com/web:1', {
      env: SECRET,
      annotations: { 'example.com/token': SECRET },
    });
    const poster = server.poster();
    const statuses = [];
    for (const body of [
      review,
      review.slice(0, -30),
      review.replace('"uid":"uid-of-web"', '"uid":""'),
      review.replace(`"example.com/token":"${SECRET}"`, `"example.com/token":["${SECRET}"]`),
      SECRET,
    ]) {
      statuses.push((await poster.post(body)).status);
    }
    expect(statuses).toEqual([200, 400, 400, 200, 400]);
    await until(() => server.logged('reviewed').length === 2 && server.logged('refused').length === 3);
    expect(server.logged('reviewed')).toMatchObject([
      { outcome: 'NoMatch' },
      { level: 'error', outcome: 'Error', uid: 'uid-of-web' },
    ]);
    expect(server.out).not.toContain(SECRET);
    expect(server.err).not.toContain(SECRET);
  });

  it('tells at the start where it listens and what it knows', async () => {
    const server = await RunningServer.start(program, { dir: aCluster() });
    expect(server.logged('ready')).toMatchObject([
      {
        level: 'info',
        version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
        admission: expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+\/mutate$/),
        operations: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
        imageCaches: 20,
        namespaces: 5,
        profileRules: 5,
      },
    ]);
  });
});
