import { Client } from 'undici';
import type { Webhook } from '../test/e2e/support/webhook.ts';
import { reviewOf } from './cluster-patch.ts';
import type { BenchCluster } from './cluster-world.ts';
import { benchPod } from './cluster-world.ts';
import type { PartReport, Progress } from './report.ts';
import { median, spread } from './statistics.ts';

/** How often the webhook is started. */
export interface FirstReviewsPlan {
  readonly starts: number;
}

const REVIEWS = 1000;
const RATIO_AT_MOST = 1.25;

/** Part h: is the first review after ready as fast as the thousandth? One after another over one connection. */
export async function firstReviews(
  bench: BenchCluster,
  { starts }: FirstReviewsPlan,
  progress: Progress,
): Promise<PartReport> {
  const positions = {
    first: [] as number[],
    second: [] as number[],
    hundredth: [] as number[],
    thousandth: [] as number[],
  };
  for (let start = 1; start <= starts; start += 1) {
    progress.show(`h  first reviews: start ${start}/${starts}`);
    const webhook = await bench.webhook();
    const latenciesMs = await reviewOneByOne(webhook, bench.cluster.webhookCa.cert);
    await webhook.kill();
    positions.first.push(latenciesMs[0] ?? NaN);
    positions.second.push(latenciesMs[1] ?? NaN);
    positions.hundredth.push(median(latenciesMs.slice(90, 110)));
    positions.thousandth.push(median(latenciesMs.slice(-20)));
  }
  const figure = (name: string, values: readonly number[]) => {
    const [from, to] = spread(values);
    return {
      name,
      value: median(values),
      unit: 'ms',
      note: `${from.toFixed(2)} to ${to.toFixed(2)} in ${starts} starts`,
    };
  };
  return {
    title: `h  The first reviews after ready, ${REVIEWS} one after another over one connection`,
    figures: [
      figure('first review, connection made before', positions.first),
      figure('second', positions.second),
      figure('hundredth', positions.hundredth),
      figure('thousandth', positions.thousandth),
      {
        name: 'first / thousandth',
        value: median(positions.first) / median(positions.thousandth),
        unit: 'x',
        atMost: RATIO_AT_MOST,
      },
    ],
    details: positions,
  };
}

async function reviewOneByOne(webhook: Webhook, ca: string): Promise<number[]> {
  const client = new Client(`https://127.0.0.1:${webhook.port}`, { connect: { ca }, pipelining: 1 });
  const headers = { 'content-type': 'application/json' };
  try {
    // The connection is made, and our own first use of the client is over.
    await (await client.request({ method: 'GET', path: '/' })).body.dump();
    const latenciesMs: number[] = [];
    for (let i = 0; i < REVIEWS; i += 1) {
      const body = reviewOf(benchPod('imc-webhook', `pod-${i}`, i), `uid-${i}`);
      const sentMs = performance.now();
      const answer = await client.request({ method: 'POST', path: '/mutate', headers, body });
      await answer.body.text();
      latenciesMs.push(performance.now() - sentMs);
      if (answer.statusCode !== 200) throw new Error(`a review was answered with ${answer.statusCode}`);
    }
    return latenciesMs;
  } finally {
    await client.destroy();
  }
}
