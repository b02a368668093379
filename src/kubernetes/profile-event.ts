import { createHash } from 'node:crypto';
import { ECI_PROFILE } from '../wire/kinds.ts';
import { isStatus } from './cluster-errors.ts';
import type { ProfileReading } from './cluster-objects.ts';
import { writeEvent } from './event.ts';
import type { KubeClient } from './kube-client.ts';

/**
 * Writes the Event that tells of a broken eci-profile on the ConfigMap (spec P6). Its name follows from the ConfigMap's
 * version, so that of any number of replicas, and of any number of tries, one Event comes.
 *
 * @param now - the time the Event tells.
 * @throws what {@link KubeClient} throws, but not for an Event that is there already.
 */
export async function writeProfileEvent(
  client: Pick<KubeClient, 'create'>,
  { uid, resourceVersion }: ProfileReading,
  problem: string,
  now: Date,
  signal?: AbortSignal,
): Promise<void> {
  const { name, namespace } = ECI_PROFILE;
  const version = createHash('sha256').update(`${uid}\n${resourceVersion}`).digest('hex').slice(0, 16);
  try {
    await writeEvent(
      client,
      { apiVersion: 'v1', kind: 'ConfigMap', name, namespace, uid, resourceVersion },
      { type: 'Warning', reason: 'InvalidProfile', message: `${problem}; the last good rules stay in force` },
      { component: 'eci-imagecache-webhook', suffix: version, now, signal },
    );
  } catch (error) {
    if (!isStatus(error, 409)) throw error;
  }
}
