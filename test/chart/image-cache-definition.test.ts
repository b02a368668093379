import { readdirSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

const ROOT = new URL('../../', import.meta.url);
const file = readFileSync(new URL('charts/eci-imagecache-webhook/crds/imagecaches.yaml', ROOT), 'utf8');

interface Definition {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: Readonly<Record<string, unknown>>;
    readonly versions: readonly Version[];
  };
}

interface Version {
  readonly name: string;
  readonly subresources: object;
  readonly additionalPrinterColumns: readonly { readonly name: string; readonly priority?: number }[];
  readonly schema: { readonly openAPIV3Schema: Schema };
}

interface Schema {
  readonly required?: readonly string[];
  readonly properties: Readonly<Record<string, Schema>>;
}

// What a file of ours holds; the tests below, and the API server in those with a cluster, look at the rest.
const definition = parse(file) as Definition;
const [version] = definition.spec.versions as [Version];
const { spec, status } = version.schema.openAPIV3Schema.properties as { spec: Schema; status: Schema };

describe('the CRD of ImageCaches', () => {
  it('is the vendor’s: group, version, scope and names', () => {
    expect(definition.metadata.name).toBe('imagecaches.eci.alibabacloud.com');
    expect(definition.spec).toMatchObject({
      group: 'eci.alibabacloud.com',
      scope: 'Cluster',
      names: { kind: 'ImageCache', listKind: 'ImageCacheList', plural: 'imagecaches', shortNames: ['imc', 'ic'] },
    });
    expect(definition.spec.names['categories']).toEqual(['all']);
    expect(definition.spec.versions.map(({ name }) => name)).toEqual(['v1']);
    expect(version.subresources).toEqual({ status: {} });
  });

  it('prints the vendor’s columns, and more of them with -o wide', () => {
    const columns = version.additionalPrinterColumns;
    const shown = columns.filter(({ priority = 0 }) => priority === 0).map(({ name }) => name);
    expect(shown).toEqual(['Age', 'CacheId', 'Phase', 'Progress']);
    expect(columns.length).toBeGreaterThan(shown.length);
  });

  it('requires images alone, and nothing of a status', () => {
    expect(version.schema.openAPIV3Schema.required).toEqual(['spec']);
    expect(spec.required).toEqual(['images']);
    expect(status.required).toBeUndefined();
    expect(status).toMatchObject({ 'x-kubernetes-preserve-unknown-fields': true });
  });
});

describe('its schema', () => {
  const ajv = new Ajv({ strict: false, formats: { int32: true, int64: true } });
  const isValid = ajv.compile(version.schema.openAPIV3Schema);
  const withSpec = (parts: object) => ({ spec: { images: ['nginx'], ...parts } });
  const withStatus = (parts: object) => ({ spec: { images: ['nginx'] }, status: parts });
  const images = (count: number) => withSpec({ images: Array.from({ length: count }, (_, i) => `image-${i}`) });

  it('takes every ImageCache of the examples', () => {
    const folder = new URL('examples/cluster/image-caches/', ROOT);
    for (const name of readdirSync(folder)) {
      for (const document of parseAllDocuments(readFileSync(new URL(name, folder), 'utf8'))) {
        isValid(document.toJS());
        expect(isValid.errors, name).toBeNull();
      }
    }
  });

  it.each([
    ['one image', images(1)],
    ['20 images', images(20)],
    ['the smallest size', withSpec({ imageCacheSize: 20 })],
    ['the largest size', withSpec({ imageCacheSize: 32_768 })],
    ['a day', withSpec({ retentionDays: 1 })],
    ['the longest time', withSpec({ retentionDays: 65_536 })],
    ['secrets of namespaces', withSpec({ imagePullSecrets: ['shop:registry'] })],
    ['no progress yet', withStatus({ phase: 'Pending' })],
    ['a null where Go writes one', withStatus({ events: null, images: null, expireDateTime: null })],
    [
      'recorded images',
      withStatus({ images: [{ name: 'nginx', digest: `sha256:${'0'.repeat(64)}`, sizeBytes: 2e10 }] }),
    ],
    ['events of either shape', withStatus({ events: [{ name: 'n' }, { reason: 'r', involvedObject: {} }] })],
    ['what the vendor adds one day', withStatus({ flashSnapshotId: 's-1' })],
  ])('takes %s', (_title, object) => {
    isValid(object);
    expect(isValid.errors).toBeNull();
  });

  it.each([
    ['no spec', {}],
    ['no images', { spec: {} }],
    ['an empty list of images', images(0)],
    ['21 images', images(21)],
    ['an empty reference', withSpec({ images: [''] })],
    ['a size of 19 GiB', withSpec({ imageCacheSize: 19 })],
    ['a size of 32769 GiB', withSpec({ imageCacheSize: 32_769 })],
    ['a size with a unit', withSpec({ imageCacheSize: '20Gi' })],
    ['no day', withSpec({ retentionDays: 0 })],
    ['65537 days', withSpec({ retentionDays: 65_537 })],
    ['a secret without a namespace', withSpec({ imagePullSecrets: ['registry'] })],
    ['a recorded image without a name', withStatus({ images: [{ sizeBytes: 1 }] })],
    ['a negative size', withStatus({ images: [{ name: 'nginx', sizeBytes: -1 }] })],
  ])('refuses %s', (_title, object) => {
    expect(isValid(object)).toBe(false);
  });
});
