import type { ApiClient } from '../test/e2e/support/api-client.ts';
import type { Webhook } from '../test/e2e/support/webhook.ts';

/** How long calls of a webhook took. */
export interface AdmissionHistogram {
  /** Cumulative: calls that took up to so many seconds. */
  readonly buckets: readonly { readonly upTo: number; readonly count: number }[];
  readonly count: number;
  readonly sumSeconds: number;
}

/** @param webhook - name of the webhook, as its configuration has it */
export async function readAdmissionHistogram(api: ApiClient, webhook: string): Promise<AdmissionHistogram> {
  const { text } = await api.send('GET', '/metrics');
  return readHistogram(text, 'apiserver_admission_webhook_admission_duration_seconds', `name="${webhook}"`);
}

/** The same by our own clock: from the arrival of a review to its answer. */
export async function readReviewHistogram(webhook: Webhook): Promise<AdmissionHistogram> {
  const { text } = await webhook.operation('/metrics');
  return readHistogram(text, 'imc_review_duration_seconds', '');
}

/** @param label - what samples have to have; those that have it are added up. */
function readHistogram(text: string, metric: string, label: string): AdmissionHistogram {
  const buckets = new Map<number, number>();
  let [count, sumSeconds] = [0, 0];
  for (const line of text.split('\n')) {
    if (!line.startsWith(metric) || !line.includes(label)) continue;
    const value = Number(line.slice(line.lastIndexOf(' ') + 1));
    const upTo = /le="([^"]+)"/.exec(line)?.[1];
    if (upTo !== undefined) {
      const bound = upTo === '+Inf' ? Infinity : Number(upTo);
      buckets.set(bound, (buckets.get(bound) ?? 0) + value);
    } else if (line.startsWith(`${metric}_sum`)) sumSeconds += value;
    else if (line.startsWith(`${metric}_count`)) count += value;
  }
  return { buckets: [...buckets].map(([upTo, count]) => ({ upTo, count })), count, sumSeconds };
}

/** What was added between two readings. */
export function histogramBetween(before: AdmissionHistogram, after: AdmissionHistogram): AdmissionHistogram {
  const earlier = new Map(before.buckets.map(({ upTo, count }) => [upTo, count]));
  return {
    buckets: after.buckets.map(({ upTo, count }) => ({ upTo, count: count - (earlier.get(upTo) ?? 0) })),
    count: after.count - before.count,
    sumSeconds: after.sumSeconds - before.sumSeconds,
  };
}
