import { describe, expect, it } from 'vitest';
import type { CacheSuggestion } from '../../src/core/cache-suggestion.ts';
import { isValidReference, parseImageReference } from '../../src/core/image-reference.ts';
import { DEFAULT_PLATFORM } from '../../src/core/platform.ts';
import { decodeImageCache } from '../../src/wire/image-cache.ts';
import { manifestOf } from '../../src/wire/image-cache-manifest.ts';
import { member, textMember } from '../../src/wire/json.ts';
import { DIGEST_A } from '../support/digests.ts';

function suggestionOf(...images: readonly string[]): CacheSuggestion {
  return {
    images: images.map(parseImageReference).filter(isValidReference),
    platform: DEFAULT_PLATFORM,
    privateTo: undefined,
    pullSecrets: [],
    annotations: new Map(),
    diskGib: 20,
    unknownSizes: [],
    workloads: ['default/Deployment/web'],
  };
}

const PLAIN = suggestionOf('nginx');

describe('manifestOf', () => {
  it('writes an ImageCache with nothing but what is needed', () => {
    expect(manifestOf(PLAIN)).toEqual({
      apiVersion: 'eci.alibabacloud.com/v1',
      kind: 'ImageCache',
      metadata: { name: expect.stringMatching(/^suggested-[\da-f]{16}$/) },
      spec: { images: ['docker.io/library/nginx:latest'], imageCacheSize: 20 },
    });
  });

  it('spec N2, C4: writes platform, visibility, Secrets, access to registries, and references in full', () => {
    const manifest = manifestOf({
      ...suggestionOf(`nginx:1@${DIGEST_A}`, `redis@${DIGEST_A}`),
      platform: { architecture: 'arm64', os: 'windows' },
      privateTo: 'team-a',
      pullSecrets: ['team-a:registry'],
      annotations: new Map([['k8s.aliyun.com/acr-instance-ids', 'cri-1']]),
      diskGib: 44,
    });
    expect(manifest).toMatchObject({
      metadata: {
        labels: { 'imc-webhook/namespace': 'team-a' },
        annotations: {
          'k8s.aliyun.com/acr-instance-ids': 'cri-1',
          'k8s.aliyun.com/imc-cpu-arch': 'arm64',
          'k8s.aliyun.com/imc-os-type': 'windows',
        },
      },
      spec: {
        images: [`docker.io/library/nginx:1@${DIGEST_A}`, `docker.io/library/redis@${DIGEST_A}`],
        imagePullSecrets: ['team-a:registry'],
        imageCacheSize: 44,
      },
    });
    expect(decodeImageCache(manifest)).toMatchObject({
      platform: { architecture: 'arm64', os: 'windows' },
      privateTo: 'team-a',
      diskGib: 44,
      invalidImages: [],
    });
  });

  const nameOf = (suggestion: CacheSuggestion): string =>
    textMember(member(manifestOf(suggestion), 'metadata'), 'name');

  it('gives the same name to what is the same for the builder', () => {
    const other = { ...PLAIN, workloads: ['other'], unknownSizes: ['docker.io/library/nginx:latest'], diskGib: 30 };
    expect(nameOf(other)).toBe(nameOf(PLAIN));
  });

  it.each<[string, Partial<CacheSuggestion>]>([
    ['images', { images: suggestionOf('nginx:1').images }],
    ['a tag beside the digest', { images: suggestionOf(`nginx:1@${DIGEST_A}`).images }],
    ['an architecture', { platform: { architecture: 'arm64', os: 'linux' } }],
    ['a namespace', { privateTo: 'team-a' }],
    ['Secrets', { pullSecrets: ['team-a:s'] }],
    ['annotations', { annotations: new Map([['a', 'b']]) }],
  ])('gives another name for other %s', (_title, change) => {
    expect(nameOf({ ...PLAIN, ...change })).not.toBe(nameOf(PLAIN));
  });
});
