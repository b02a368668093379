import type { KubeClient } from './kube-client.ts';

/** What an Event says. */
export interface News {
  readonly type: 'Normal' | 'Warning';
  /** One word in capitals and small letters, as machines read it. */
  readonly reason: string;
  readonly message: string;
}

/** What an Event is about. */
export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  /** Empty for an object outside of namespaces. */
  readonly namespace: string;
  readonly name: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** How an Event is signed and named. */
export interface EventMarks {
  readonly component: string;
  /** Follows the object's name; of two Events with the same the API server refuses the second (409). */
  readonly suffix: string;
  /** The time the Event tells. */
  readonly now: Date;
  readonly signal?: AbortSignal | undefined;
}

/** Longer ones are refused by API servers. */
const MESSAGE_LIMIT = 1024;
/** Of the 253 characters of a name, those that the object's name may take. */
const NAME_LIMIT = 200;

/**
 * Writes an Event beside its object; about one outside of namespaces, in the namespace `default`, where kubectl looks.
 *
 * @throws what {@link KubeClient} throws.
 */
export async function writeEvent(
  client: Pick<KubeClient, 'create'>,
  about: ObjectReference,
  { type, reason, message }: News,
  { component, suffix, now, signal }: EventMarks,
): Promise<void> {
  const { apiVersion, kind, name, uid, resourceVersion } = about;
  const namespace = about.namespace || 'default';
  const time = now.toISOString().replace(/\.\d+Z$/, 'Z');
  const event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name.slice(0, NAME_LIMIT)}.${suffix}`, namespace },
    involvedObject: {
      apiVersion,
      kind,
      ...(about.namespace === '' ? {} : { namespace }),
      name,
      uid,
      resourceVersion,
    },
    type,
    reason,
    message: message.length > MESSAGE_LIMIT ? `${message.slice(0, MESSAGE_LIMIT - 1)}…` : message,
    source: { component },
    reportingComponent: component,
    reportingInstance: '',
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  };
  await client.create({ version: 'v1', resource: 'events', namespace }, event, { signal });
}
