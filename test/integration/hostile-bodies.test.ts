import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Rng } from '../oracle/generator.ts';
import { makeRng, randomReview, randomWorld } from '../oracle/generator.ts';
import type { WebhookProcess } from '../support/webhook-process.ts';
import { startWebhook } from '../support/webhook-process.ts';

/** `HOSTILE_BODIES=100000 npx vitest run test/integration/hostile-bodies.test.ts` asks more. */
const BODIES = Number(process.env['HOSTILE_BODIES'] ?? 4000);
const AT_ONCE = 16;
const EXAMPLES = fileURLToPath(new URL('../../examples/cluster', import.meta.url));
const GOOD_REVIEW = fileURLToPath(new URL('../../examples/reviews/checkout-pod.json', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'imc-hostile-'));
let webhook: WebhookProcess;
let agent: Agent;

beforeAll(async () => {
  const caFile = join(folder, 'ca.crt');
  const cluster = join(folder, 'cluster');
  cpSync(EXAMPLES, cluster, { recursive: true });
  webhook = await startWebhook(['--dir', cluster, '--ca-out', caFile, '--drain-seconds', '0']);
  agent = new Agent({
    connect: { ca: readFileSync(caFile) },
    connections: AT_ONCE,
    bodyTimeout: 20_000,
    headersTimeout: 20_000,
  });
});

afterAll(async () => {
  await agent.destroy();
  await webhook.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('the webhook survives whatever is sent', () => {
  it(`spec A4, A7: ${BODIES} hostile bodies get a documented answer each`, { timeout: 1_200_000 }, async () => {
    const rng = makeRng(20_260_115);
    const world = randomWorld(1);
    const good = readFileSync(GOOD_REVIEW);
    const before = await post(good);
    expect(before.status).toBe(200);
    const warmed = await residentBytes();

    const sendOne = async (): Promise<void> => {
      const body = hostileBody(rng, world);
      const { status, text } = await post(body);
      expect([200, 400, 413], `${body.toString('latin1').slice(0, 300)}\n${text}`).toContain(status);
      const answer = JSON.parse(text) as { kind: string; response?: { allowed: boolean } };
      expect(answer.kind).toBe(status === 200 ? 'AdmissionReview' : 'Status');
      if (status === 200) expect(answer.response?.allowed).toBe(true);
      expect(text).not.toMatch(/\n\s+at |node_modules/);
    };
    for (let sent = 0; sent < BODIES; sent += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, sendOne));

    expect((await post(good)).text, 'a good review is answered as before').toBe(before.text);
    // What is remembered is bounded; a leak of the bodies would be gigabytes in a long run.
    expect((await residentBytes()) - warmed).toBeLessThan(300 * 1024 * 1024);
    expect(webhook.child.exitCode).toBeNull();
  });
});

async function post(body: Buffer): Promise<{ status: number; text: string }> {
  const response = await request(webhook.admission, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    dispatcher: agent,
  });
  return { status: response.statusCode, text: await response.body.text() };
}

async function residentBytes(): Promise<number> {
  const response = await request(`${webhook.operations}/metrics`);
  const value = /^process_resident_memory_bytes (\S+)$/m.exec(await response.body.text())?.[1];
  return Number(value);
}

function hostileBody(rng: Rng, world: ReturnType<typeof randomWorld>): Buffer {
  const review = JSON.stringify(randomReview(rng, world));
  switch (rng.int(9)) {
    case 0:
      return Buffer.from(review.slice(0, rng.int(review.length)));
    case 1:
      return scrambled(rng, Buffer.from(review));
    case 2:
      return Buffer.from(Array.from({ length: rng.int(400) }, () => rng.int(256)));
    case 3:
      return Buffer.from(JSON.stringify(anything(rng, 4)));
    case 4:
      return Buffer.from(withAnything(rng, review));
    case 5: {
      const depth = 1 + rng.int(20_000);
      return Buffer.from(review.replace(/"spec":\{/, `"spec":{"deep":${'['.repeat(depth)}${']'.repeat(depth)},`));
    }
    case 6:
      return Buffer.from(
        review.replace(/"annotations":\{/, '"annotations":{"__proto__":"x","constructor":"y","toString":"",'),
      );
    case 7: {
      const image = rng.pick(['a/'.repeat(3000), `${'x'.repeat(5000)}:${'y'.repeat(300)}`, '\u0000', '\ud800', ':@/']);
      return Buffer.from(review.replaceAll(/"image":"[^"]*"/g, `"image":${JSON.stringify(image)}`));
    }
    default: {
      const containers = Array.from({ length: 500 }, (_, i) => ({ name: `c${i}`, image: `repo-${rng.int(900)}:${i}` }));
      return Buffer.from(
        review.replace(/"containers":\[/, `"containers":[${JSON.stringify(containers).slice(1, -1)},`),
      );
    }
  }
}

/** Some bytes changed, taken out or doubled. */
function scrambled(rng: Rng, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  for (let i = 0; i < 1 + rng.int(6); i += 1) copy[rng.int(copy.length)] = rng.int(256);
  const cut = rng.int(copy.length);
  return rng.chance(0.5) ? copy : Buffer.concat([copy.subarray(0, cut), copy.subarray(rng.int(cut + 1))]);
}

/** One value of the review replaced by anything. */
function withAnything(rng: Rng, review: string): string {
  const values = [...review.matchAll(/:(?:"[^"\\]*"|true|false|null|\d+|\[\]|\{\})/g)];
  if (values.length === 0) return review;
  const { index, 0: text } = rng.pick(values);
  return `${review.slice(0, index)}:${JSON.stringify(anything(rng, 3))}${review.slice(index + text.length)}`;
}

function anything(rng: Rng, depth: number): unknown {
  const leaf = rng.pick([null, true, 0, -1, 1e308, '', 'pods', 'CREATE', 'v1', '\u2028\u0000', 'x'.repeat(2000)]);
  if (depth === 0 || rng.chance(0.4)) return leaf;
  const items = Array.from({ length: rng.int(5) }, () => anything(rng, depth - 1));
  if (rng.chance(0.4)) return items;
  const keys = [
    'apiVersion',
    'kind',
    'request',
    'uid',
    'object',
    'metadata',
    'spec',
    'containers',
    '__proto__',
    'length',
  ];
  const members = items.map((item) => `${JSON.stringify(rng.pick(keys))}:${JSON.stringify(item)}`);
  return JSON.parse(`{${members.join(',')}}`) as unknown;
}
