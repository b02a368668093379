/**
 * The API server of part i, a process of its own: `api-server-process.ts CACHES NAMESPACES`. It sends its kubeconfig to the
 * process that forked it, and does what that asks for ({@link Order}), answering each order when it is done.
 */
import { isJsonObject, type JsonObject } from '../src/wire/json.ts';
import { FakeApiServer } from '../test/support/fake-api-server.ts';
import { Random } from './random.ts';
import { NAMESPACES, SELECTORS, typicalWorld } from './worlds.ts';

/** `change` so many caches; `expire` every watch, so that all has to be listed again. */
export type Order = { readonly kind: 'change'; readonly count: number } | { readonly kind: 'expire' };

const CACHES = '/apis/eci.alibabacloud.com/v1/imagecaches';
const NAMESPACE_LIST = '/api/v1/namespaces';
const CONFIG_MAPS = '/api/v1/namespaces/kube-system/configmaps';

const [cacheCount = 0, namespaceCount = 0] = process.argv.slice(2).map(Number);
const random = new Random(1);
const world = typicalWorld(cacheCount, 1);
const api = await FakeApiServer.start();
for (const path of [CACHES, NAMESPACE_LIST, CONFIG_MAPS]) api.addCollection(path);
for (const text of world.caches) api.put(CACHES, withFieldManagers(objectOf(text), 'eci-controller'));
for (let i = 0; i < namespaceCount; i += 1) api.put(NAMESPACE_LIST, aNamespace(i));
const profile = { metadata: { name: 'eci-profile', namespace: 'kube-system' }, data: { selectors: SELECTORS } };
api.put(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', ...profile });

process.on('message', (order: Order) => {
  if (order.kind === 'expire') {
    api.forgetHistory();
    api.cutConnections();
  } else {
    const all = api.objects(CACHES);
    for (let i = 0; i < order.count; i += 1) {
      const cache = structuredClone(random.pick(all));
      api.put(CACHES, { ...cache, status: { ...(cache['status'] as JsonObject), lastUpdatedTime: `change ${i}` } });
    }
  }
  process.send?.('done');
});
process.send?.(api.kubeconfig());

function objectOf(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  if (!isJsonObject(value)) throw new Error('a world is made of objects');
  return value;
}

function aNamespace(i: number): JsonObject {
  const labels = [...NAMESPACES.values()][i % NAMESPACES.size];
  const name = `team-${i}`;
  const metadata = { name, uid: `uid-${i}`, labels: { ...labels, 'kubernetes.io/metadata.name': name, owner: name } };
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata, spec: { finalizers: ['kubernetes'] } };
  return withFieldManagers({ ...namespace, status: { phase: 'Active' } }, 'kubectl-client-side-apply');
}

/** As API servers send objects: with who owns which field, which is about as much again, and what was applied. */
function withFieldManagers(object: JsonObject, manager: string): JsonObject {
  const { metadata, ...rest } = object;
  const managedFields = ['Update', 'Apply'].map((operation) => ({
    manager,
    operation,
    apiVersion: object['apiVersion'],
    time: '2026-01-01T00:00:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1: fieldsOf({ ...rest, metadata: { labels: {} } }),
  }));
  const applied = JSON.stringify({ ...rest, status: undefined });
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': `${applied}\n` };
  return { ...rest, metadata: { ...(metadata as JsonObject), annotations, managedFields } };
}

function fieldsOf(value: unknown): JsonObject {
  if (!isJsonObject(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [`f:${key}`, fieldsOf(inner)]));
}
