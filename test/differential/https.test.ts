import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { makeRng, randomReview, randomSettings, randomWorld, reviewOfAnswer } from '../oracle/generator.ts';
import type { OracleSettings, World } from '../oracle/oracle.ts';
import { expectedAnswer } from '../oracle/oracle.ts';
import { startWebhook } from '../support/webhook-process.ts';
import { expectSame } from './compare.ts';
import { readAnswer } from './engine-side.ts';

/** `DIFFERENTIAL_REVIEWS=10000 npx vitest run test/differential` asks more. */
const REVIEWS = Number(process.env['DIFFERENTIAL_REVIEWS'] ?? 600);
const REVIEWS_PER_SERVER = 100;
const HALF_AN_HOUR_MS = 30 * 60 * 1000;

const cleanups: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

describe('imc serve answers as an independent reading of the contract', () => {
  it(`spec 2 to 6: ${REVIEWS} random reviews over HTTPS, each again and with dryRun flipped`, {
    timeout: 600_000,
  }, async () => {
    for (let seed = 1; seed <= Math.ceil(REVIEWS / REVIEWS_PER_SERVER); seed += 1) {
      // The times in a world lie whole hours from this moment, or a second beside: none of them passes while we ask.
      const nowMs = Date.now() + HALF_AN_HOUR_MS;
      // Every third world is large, so that lists are long and ties are many.
      const world = randomWorld(90_000 + seed, seed % 3 === 0 ? 400 : 60, nowMs);
      const rng = makeRng(seed * 104_729, nowMs);
      const settings = randomSettings(rng);
      const send = await serve(world, settings, seed % 2 === 0 ? 'yaml' : 'json');
      for (let i = 0; i < REVIEWS_PER_SERVER; i += 1) {
        const review = randomReview(rng, world);
        const where = `server ${seed}, review ${i}`;
        const { status, body } = await send(review);
        const expected = expectedAnswer(review, world, settings, Date.now());
        const actual = readAnswer(review, status, body);
        expectSame(actual, expected, review, where);
        if (status !== 200) continue;

        expect((await send(flipped(review))).body, `${where}: dryRun flipped (spec G5)`).toBe(body);
        if (actual.allowed !== true || actual.outcome === 'Error') continue;
        const again = reviewOfAnswer(review, expected);
        const second = await send(again);
        expect(readAnswer(again, second.status, second.body).patched, `${where}: again (spec M11)`).toBe(false);
      }
      for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
    }
  });
});

type Send = (review: unknown) => Promise<{ status: number; body: string }>;

async function serve(world: World, settings: OracleSettings, format: 'json' | 'yaml'): Promise<Send> {
  const folder = mkdtempSync(join(tmpdir(), 'imc-differential-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, value: unknown): void =>
    writeFileSync(join(folder, `${name}.${format}`), format === 'json' ? JSON.stringify(value) : stringify(value));
  write('caches', { apiVersion: 'v1', kind: 'List', items: world.imageCaches });
  write('namespaces', { apiVersion: 'v1', kind: 'List', items: world.namespaces });
  if (world.selectors !== undefined) {
    const metadata = { name: 'eci-profile', namespace: 'kube-system' };
    write('profile', { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { selectors: world.selectors } });
  }
  const { driver, ownNamespace, expiryMarginMs, ...others } = settings;
  const config = join(folder, 'settings.txt');
  const values = {
    ...others,
    expiryMargin: `${expiryMarginMs}ms`,
    // Decisions are the same with both (spec M7); the simulated builder would change the world while we ask.
    controller: { driver: driver === 'simulated' ? 'eci' : driver },
    autoCreate: { enabled: false },
    log: { level: 'error' },
  };
  writeFileSync(config, stringify(values));

  const caFile = join(folder, 'ca.crt');
  const options = [
    '--dir',
    folder,
    '--config',
    config,
    '--ca-out',
    caFile,
    '--drain-seconds',
    '0',
    '--log-level',
    'info',
  ];
  const webhook = await startWebhook(options, { POD_NAMESPACE: ownNamespace ?? '' });
  cleanups.push(async () => void (await webhook.stop()));
  const agent = new Agent({ connect: { ca: readFileSync(caFile) } });
  cleanups.push(() => agent.close());
  return async (review) => {
    const response = await request(webhook.admission, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(review),
      dispatcher: agent,
    });
    return { status: response.statusCode, body: await response.body.text() };
  };
}

function flipped(review: unknown): unknown {
  const { request: asked } = review as { request: { dryRun?: boolean } };
  return { ...(review as object), request: { ...asked, dryRun: asked.dryRun !== true } };
}
