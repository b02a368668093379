import { randomBytes } from 'node:crypto';
import { type News, writeEvent } from './event.ts';
import type { KubeClient } from './kube-client.ts';

/**
 * Writes an Event about a Secret of our own namespace.
 *
 * @param now - the time the Event tells.
 */
export async function writeNewsEvent(
  client: Pick<KubeClient, 'create'>,
  secret: { readonly namespace: string; readonly name: string },
  news: News,
  now: Date,
): Promise<void> {
  const about = { apiVersion: 'v1', kind: 'Secret', ...secret };
  await writeEvent(client, about, news, {
    component: 'imc-controller',
    suffix: randomBytes(8).toString('hex'),
    now,
  });
}
