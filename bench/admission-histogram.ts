import type { ApiClient } from '../test/e2e/support/api-client.ts';

/** How long the API server waited for a webhook, as it counts itself. */
export interface AdmissionHistogram {
  /** Cumulative: calls that took up to so many seconds. */
  readonly buckets: readonly { readonly upTo: number; readonly count: number }[];
  readonly count: number;
  readonly sumSeconds: number;
}

const METRIC = 'apiserver_admission_webhook_admission_duration_seconds';

/** @param webhook - name of the webhook, as its configuration has it */
export async function readAdmissionHistogram(api: ApiClient, webhook: string): Promise<AdmissionHistogram> {
  const { text } = await api.send('GET', '/metrics');
  const buckets = new Map<number, number>();
  let [count, sumSeconds] = [0, 0];
  for (const line of text.split('\n')) {
    if (!line.startsWith(METRIC) || !line.includes(`name="${webhook}"`)) continue;
    const value = Number(line.slice(line.lastIndexOf(' ') + 1));
    const upTo = /le="([^"]+)"/.exec(line)?.[1];
    if (upTo !== undefined) {
      const bound = upTo === '+Inf' ? Infinity : Number(upTo);
      buckets.set(bound, (buckets.get(bound) ?? 0) + value);
    } else if (line.startsWith(`${METRIC}_sum`)) sumSeconds += value;
    else if (line.startsWith(`${METRIC}_count`)) count += value;
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
