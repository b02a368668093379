import { randomBytes } from 'node:crypto';
import type { KubeClient } from './kube-client.ts';

/** What an Event says. */
export interface News {
  readonly type: 'Normal' | 'Warning';
  /** One word in capitals and small letters, as machines read it. */
  readonly reason: string;
  readonly message: string;
}

/** Longer ones are refused by API servers. */
const MESSAGE_LIMIT = 1024;

const COMPONENT = 'imc-controller';

/**
 * Writes an Event about a Secret of our own namespace.
 *
 * @param now - the time the Event tells.
 */
export async function writeNewsEvent(
  client: Pick<KubeClient, 'create'>,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  { type, reason, message }: News,
  now: Date,
): Promise<void> {
  const time = now.toISOString().replace(/\.\d+Z$/, 'Z');
  await client.create(
    { version: 'v1', resource: 'events', namespace },
    {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name}.${randomBytes(8).toString('hex')}`, namespace },
      involvedObject: { apiVersion: 'v1', kind: 'Secret', namespace, name },
      type,
      reason,
      message: message.length > MESSAGE_LIMIT ? `${message.slice(0, MESSAGE_LIMIT - 1)}…` : message,
      source: { component: COMPONENT },
      reportingComponent: COMPONENT,
      reportingInstance: '',
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    },
  );
}
