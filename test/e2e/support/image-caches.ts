import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { KubeObject } from './api-client.ts';
import type { Cluster } from './cluster.ts';
import { eventually } from './eventually.ts';

const CACHES = '/apis/eci.alibabacloud.com/v1/imagecaches';

/** Our definition of ImageCaches, as the chart installs it. */
const OUR_DEFINITION = fileURLToPath(
  new URL('../../../charts/eci-imagecache-webhook/crds/imagecaches.yaml', import.meta.url),
);
/** The vendor's for clusters of one's own. */
export const VENDOR_DEFINITION = fileURLToPath(new URL('../manifests/vendor-crd.yaml', import.meta.url));

/** The ImageCaches of a cluster, as their builder keeps them: status is written apart from the rest. */
export class ImageCaches {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Makes the cluster know ImageCaches, and waits until it does. */
  async define(definition = OUR_DEFINITION): Promise<void> {
    await this.#cluster.kubectl.apply(readFileSync(definition, 'utf8'));
    await eventually(
      'the API of ImageCaches',
      async () => (await this.#cluster.api.send('GET', CACHES)).status === 200,
    );
  }

  async create(name: string, ...images: readonly string[]): Promise<KubeObject> {
    return this.#cluster.api.create(CACHES, {
      apiVersion: 'eci.alibabacloud.com/v1',
      kind: 'ImageCache',
      metadata: { name },
      spec: { images },
    });
  }

  /** One that is Ready, with the id `imc-NAME`. */
  async createReady(name: string, ...images: readonly string[]): Promise<KubeObject> {
    await this.create(name, ...images);
    return this.setStatus(name, { phase: 'Ready', progress: '100%', imageCacheId: `imc-${name}` });
  }

  /** Changes what the builder says of it. */
  async setStatus(name: string, status: Readonly<Record<string, unknown>>): Promise<KubeObject> {
    return this.#cluster.api.patch(`${CACHES}/${name}/status`, { status });
  }

  async annotate(name: string, annotations: Readonly<Record<string, string>>): Promise<KubeObject> {
    return this.#cluster.api.patch(`${CACHES}/${name}`, { metadata: { annotations } });
  }

  async delete(name: string): Promise<void> {
    await this.#cluster.api.delete(`${CACHES}/${name}`);
  }

  async names(): Promise<readonly string[]> {
    return (await this.#cluster.api.items(CACHES)).map(({ metadata }) => metadata.name ?? '');
  }
}
