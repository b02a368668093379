import { describe, expect, it } from 'vitest';
import { decodeImageCache } from '../../src/wire/image-cache.ts';
import { DIGEST_A, SHA512 } from '../support/digests.ts';
import type { ImageCacheBuilder } from '../support/image-cache-builder.ts';
import { anImageCache } from '../support/image-cache-builder.ts';

describe('decodeImageCache', () => {
  it('section 4: nothing but a name is needed', () => {
    expect(decodeImageCache({ metadata: { name: 'a' } })).toEqual({
      name: 'a',
      id: '',
      phase: '',
      progress: '',
      images: [],
      invalidImages: [],
      statusImages: [],
      annotationImages: [],
      platform: { architecture: 'amd64', os: 'linux' },
      diskGib: undefined,
      privateTo: undefined,
      retiring: false,
      deleting: false,
      createdAt: undefined,
      expiresAtMs: Infinity,
    });
  });

  it('section 4: reads all that the matcher needs', () => {
    const cache = anImageCache('a')
      .withId('imc-1')
      .inPhase('Creating', '45%')
      .holding('nginx:1', 'Bad')
      .recording({ name: 'nginx:1', digest: DIGEST_A, sizeBytes: 7 })
      .annotatedImages({ name: 'redis:1' })
      .forArchitecture('arm64')
      .forOs('windows')
      .with(['spec', 'imageCacheSize'], 40)
      .privateTo('team-a')
      .retiring()
      .beingDeleted()
      .createdAt('2026-01-01T00:00:00.5Z')
      .expiringAt('2026-01-01T08:00:00+08:00')
      .decode();
    expect(cache).toMatchObject({
      name: 'a',
      id: 'imc-1',
      phase: 'Creating',
      progress: '45%',
      images: [{ key: 'docker.io/library/nginx:1' }],
      invalidImages: ['Bad'],
      statusImages: [
        {
          reference: { key: 'docker.io/library/nginx:1' },
          digestKey: `docker.io/library/nginx@${DIGEST_A}`,
          sizeBytes: 7,
        },
      ],
      annotationImages: [
        { reference: { key: 'docker.io/library/redis:1' }, digestKey: undefined, sizeBytes: undefined },
      ],
      platform: { architecture: 'arm64', os: 'windows' },
      diskGib: 40,
      privateTo: 'team-a',
      retiring: true,
      deleting: true,
      createdAt: { fraction: '5' },
    });
    expect(cache.expiresAtMs).toBe((cache.createdAt?.seconds ?? 0) * 1000);
  });

  it.each([
    ['the same image twice', ['nginx:1', 'docker.io/nginx:1'], 1],
    ['one digest behind two tags', [`nginx:1@${DIGEST_A}`, `nginx:2@${DIGEST_A}`], 2],
    ['one digest with and without a tag', [`nginx:1@${DIGEST_A}`, `nginx@${DIGEST_A}`], 2],
  ])('spec I3: %s', (_title, images, count) => {
    expect(
      anImageCache('a')
        .holding(...images)
        .decode().images,
    ).toHaveLength(count);
  });

  it.each([
    ['a missing list', anImageCache('a').with(['status', 'images'], undefined)],
    ['null', anImageCache('a').with(['status', 'images'], null)],
    ['an object', anImageCache('a').with(['status', 'images'], { name: 'nginx:1' })],
    ['items that are no objects', anImageCache('a').with(['status', 'images'], [null, 'nginx:1', 7, []])],
    ['items without a valid name', anImageCache('a').with(['status', 'images'], [{}, { name: 'Bad' }, { name: 7 }])],
    ['a status that is no object', anImageCache('a').with(['status'], 'Ready')],
  ])('spec C3: a status recording %s records nothing', (_title, cache) => {
    expect(cache.decode().statusImages).toEqual([]);
  });

  it.each(['', '[', '{}', 'null', '"x"', '[null]', '[1,"nginx"]', '[{"name":7}]', 'nginx:1'])(
    'spec C3: an annotation of %j records nothing',
    (text) => {
      expect(anImageCache('a').withAnnotation('imc-webhook/images', text).decode().annotationImages).toEqual([]);
    },
  );

  it.each([
    [DIGEST_A, DIGEST_A],
    [SHA512, SHA512],
    ['sha256:abc', undefined],
    [DIGEST_A.toUpperCase(), undefined],
    ['', undefined],
    [null, undefined],
    [7, undefined],
  ])('spec I3: a recorded digest of %j is %s', (digest, expected) => {
    const key = expected === undefined ? undefined : `docker.io/library/nginx@${expected}`;
    expect(anImageCache('a').recording({ name: 'nginx:1', digest }).decode().statusImages[0]?.digestKey).toBe(key);
  });

  it.each([
    [1, 1],
    [0.5, 0.5],
    [Number.MAX_VALUE, Number.MAX_VALUE],
    [0, undefined],
    [-1, undefined],
    [Number.NaN, undefined],
    [Number.POSITIVE_INFINITY, undefined],
    ['7', undefined],
    [true, undefined],
    [null, undefined],
    [undefined, undefined],
  ])('spec C3: a recorded size of %s is %s', (sizeBytes, expected) => {
    expect(anImageCache('a').recording({ name: 'nginx:1', sizeBytes }).decode().statusImages[0]?.sizeBytes).toBe(
      expected,
    );
  });

  it.each([
    [
      'an empty architecture and system',
      anImageCache('a').forArchitecture('').forOs(''),
      { architecture: 'amd64', os: 'linux' },
    ],
    [
      'labels instead of annotations',
      anImageCache('a').withLabel('k8s.aliyun.com/imc-cpu-arch', 'arm64'),
      { architecture: 'amd64', os: 'linux' },
    ],
    ['an architecture alone', anImageCache('a').forArchitecture('arm64'), { architecture: 'arm64', os: 'linux' }],
  ])('spec C2: %s', (_title, cache, platform) => {
    expect(cache.decode().platform).toEqual(platform);
  });

  it.each([
    [undefined, false],
    [null, false],
    ['', false],
    ['2026-01-01T00:00:00Z', true],
    ['soon', true],
  ])('spec C1: a deletionTimestamp of %j: being deleted: %s', (time, deleting) => {
    expect(anImageCache('a').with(['metadata', 'deletionTimestamp'], time).decode().deleting).toBe(deleting);
  });

  it.each([
    ['no metadata', anImageCache('a').with(['metadata'], undefined), 'metadata.name: an ImageCache needs a name'],
    ['no name', anImageCache('a').with(['metadata', 'name'], 7), 'metadata.name: an ImageCache needs a name'],
    [
      'images that are no list',
      anImageCache('a').with(['spec', 'images'], 'nginx'),
      'spec.images: expected a list of image references',
    ],
    [
      'an image that is no text',
      anImageCache('a').with(['spec', 'images'], ['nginx', { image: 'x' }]),
      'spec.images[1]: expected an image reference',
    ],
    [
      'a label that is no text',
      anImageCache('a').withLabel('x', true),
      'metadata.labels.x: expected a text; put it in quotes: "true"',
    ],
    [
      'annotations that are no mapping',
      anImageCache('a').with(['metadata', 'annotations'], []),
      'metadata.annotations: expected a mapping of keys to texts',
    ],
  ] satisfies [string, ImageCacheBuilder, string][])('section 8: %s: refused by name', (_title, cache, message) => {
    expect(() => cache.decode()).toThrow(expect.objectContaining({ name: 'ManifestError', message }));
  });

  it.each([
    ['no spec', anImageCache('a').with(['spec'], undefined)],
    ['null for images', anImageCache('a').with(['spec', 'images'], null)],
    ['null for maps', anImageCache('a').with(['metadata', 'labels'], null).with(['metadata', 'annotations'], null)],
  ])('spec A7: %s is no error', (_title, cache) => {
    expect(cache.decode().images).toEqual([]);
  });
});
