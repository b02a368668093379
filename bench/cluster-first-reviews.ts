import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
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
const HEAD = 'POST /mutate?timeout=3s HTTP/1.1\r\nHost: webhook\r\nContent-Type: application/json\r\n';
const RATIO_AT_MOST = 1.25;
/** As long as a replica that became ready waits for the first to ask. */
const IDLE_MS = 100;

/**
 * Part h: is the first review after ready as fast as those after a thousand? The first over a connection comes slower than
 * those that follow at once, whatever the server, so it is compared with the first over a new connection to the same
 * replica, as long after the last, when it has answered a thousand.
 */
export async function firstReviews(
  bench: BenchCluster,
  { starts }: FirstReviewsPlan,
  progress: Progress,
): Promise<PartReport> {
  const measured = {
    first: [] as number[],
    second: [] as number[],
    hundredth: [] as number[],
    thousandth: [] as number[],
    firstAgain: [] as number[],
    secondAgain: [] as number[],
  };
  for (let start = 1; start <= starts; start += 1) {
    progress.show(`h  first reviews: start ${start}/${starts}`);
    const webhook = await bench.webhook();
    const ca = bench.cluster.webhookCa.cert;
    const latenciesMs = await reviewOneByOne(webhook, ca, REVIEWS);
    measured.first.push(latenciesMs[0] ?? NaN);
    measured.second.push(latenciesMs[1] ?? NaN);
    measured.hundredth.push(median(latenciesMs.slice(90, 110)));
    measured.thousandth.push(median(latenciesMs.slice(-20)));
    const again = await reviewOneByOne(webhook, ca, 2);
    measured.firstAgain.push(again[0] ?? NaN);
    measured.secondAgain.push(again[1] ?? NaN);
    await webhook.kill();
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
    title: `h  The first reviews after ready, one after another over one connection`,
    figures: [
      figure('first review, connection made before', measured.first),
      figure('second', measured.second),
      figure('hundredth', measured.hundredth),
      figure('thousandth', measured.thousandth),
      figure('after a thousand: first over a new connection', measured.firstAgain),
      figure('second', measured.secondAgain),
      { name: 'first / thousandth', value: median(measured.first) / median(measured.thousandth), unit: 'x' },
      {
        name: 'first / first over a new connection later',
        value: median(measured.first) / median(measured.firstAgain),
        unit: 'x',
        atMost: RATIO_AT_MOST,
      },
    ],
    details: measured,
  };
}

/** Over a bare connection, so that the client's own code, cold after a pause, counts as little as possible. */
async function reviewOneByOne(webhook: Webhook, ca: string, reviews: number): Promise<number[]> {
  const socket = connect({ host: '127.0.0.1', port: webhook.port, ca });
  await once(socket, 'secureConnect');
  try {
    await sleep(IDLE_MS);
    const latenciesMs: number[] = [];
    for (let i = 0; i < reviews; i += 1) {
      const body = reviewOf(benchPod('imc-webhook', `pod-${i}`, i), `uid-${i}`);
      const request = `${HEAD}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
      const sentMs = performance.now();
      socket.write(request);
      const [answer] = (await once(socket, 'data')) as [Buffer]; // written in one piece
      latenciesMs.push(performance.now() - sentMs);
      const text = answer.toString('latin1');
      if (!text.startsWith('HTTP/1.1 200 ')) throw new Error(`a review was answered with ${text}`);
    }
    return latenciesMs;
  } finally {
    socket.destroy();
  }
}
