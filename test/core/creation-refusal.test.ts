import { describe, expect, it } from 'vitest';
import { creationRefusal } from '../../src/core/creation-refusal.ts';
import { wantedCacheOf } from '../../src/core/wanted-cache.ts';
import { decodePod } from '../../src/wire/pod.ts';
import { DIGEST_A } from '../support/digests.ts';
import type { ImageCacheBuilder } from '../support/image-cache-builder.ts';
import { anImageCache } from '../support/image-cache-builder.ts';
import type { PodBuilder } from '../support/pod-builder.ts';
import { anEciPod } from '../support/pod-builder.ts';

const NOW_MS = Date.parse('2026-01-15T12:00:00Z');
const HOUR_MS = 3_600_000;
const SETTINGS = {
  allow: [] as readonly string[],
  deny: [] as readonly string[],
  mutableTags: ['latest', 'dev'],
  buildDeadlineMs: HOUR_MS,
  expiryMarginMs: 4 * HOUR_MS,
};

function refusal(
  pod: PodBuilder,
  caches: readonly ImageCacheBuilder[] = [],
  settings: Partial<typeof SETTINGS> = {},
  pullSecrets: readonly string[] = [],
) {
  const view = decodePod(pod.build());
  const wanted = wantedCacheOf(view, 'shop', pullSecrets, { copyAnnotations: [], share: 'namespace' });
  const decoded = caches.map((cache) => cache.decode());
  return creationRefusal(wanted, view, decoded, { ...SETTINGS, ...settings }, NOW_MS);
}

const NGINX = anEciPod().withImage('nginx:1');
const MANY = anEciPod().withImages(...Array.from({ length: 21 }, (_, i) => `a/b:${i}`));

describe('creationRefusal (spec N3): images', () => {
  it.each([
    ['a plain image', NGINX, undefined],
    ['no images at all', anEciPod(), { reason: 'NoImages' }],
    ['more than 20', MANY, { reason: 'TooManyImages' }],
    ['an invalid reference', NGINX.withImage('Nginx'), { reason: 'InvalidReference', image: 'Nginx' }],
    ['a tag that moves', NGINX.withImage('redis'), { reason: 'MutableTag', image: 'docker.io/library/redis:latest' }],
    ['a tag that moves, always pulled', anEciPod().withImage('redis', 'Always'), undefined],
    [
      'always pulled by one of two containers only',
      anEciPod().withImage('redis', 'Always').withImage('redis:latest', 'IfNotPresent'),
      { reason: 'MutableTag', image: 'docker.io/library/redis:latest' },
    ],
    ['a tag that moves beside a digest', anEciPod().withImage(`redis:dev@${DIGEST_A}`), undefined],
  ])('%s', (_title, pod, expected) => {
    expect(refusal(pod)).toEqual(expected);
  });

  it.each([
    ['allowed', { allow: ['docker.io/*'] }, undefined],
    ['not allowed', { allow: ['ghcr.io/*'] }, { reason: 'NotAllowed', image: 'docker.io/library/nginx:1' }],
    ['denied', { deny: ['*/nginx:*'] }, { reason: 'Denied', image: 'docker.io/library/nginx:1' }],
    [
      'denied goes before allowed',
      { allow: ['*'], deny: ['*:1'] },
      { reason: 'Denied', image: 'docker.io/library/nginx:1' },
    ],
  ])('%s', (_title, settings, expected) => {
    expect(refusal(NGINX, [], settings)).toEqual(expected);
  });
});

describe('creationRefusal (spec N3): caches', () => {
  const own = anImageCache('own').holding('docker.io/library/nginx:1');
  const building = own.inPhase('Creating', '5%');

  it.each([
    ['a usable one', own, 'Usable'],
    ['one that is being built', building.createdAt('2026-01-15T11:30:00Z'), 'Building'],
    ['one that nobody took up yet', own.inPhase('').createdAt('2026-01-15T11:30:00Z'), 'Building'],
    ['one that is built for too long', building.createdAt('2026-01-15T11:00:00Z'), undefined],
    ['one that is built since nobody knows when', building.createdAt('today'), 'Building'],
    ['a failed one', own.inPhase('Failed'), undefined],
    ['one that expires soon', own.expiringAt('2026-01-15T14:00:00Z'), undefined],
    ['one that goes away', own.beingDeleted(), undefined],
    ['one that retires', own.retiring(), undefined],
    ['one for another platform', own.forArchitecture('arm64'), undefined],
    ['one of another namespace', own.privateTo('team'), undefined],
    ['one with an image more', own.holding('redis:1'), undefined],
    ['one with an image that is none', own.holding('Redis'), undefined],
    ['one with another tag', anImageCache('own').holding('nginx:2'), undefined],
  ])('%s', (_title, cache, reason) => {
    expect(refusal(NGINX, [cache])?.reason).toBe(reason);
  });

  it('a usable one goes before one that is being built', () => {
    expect(refusal(NGINX, [building.createdAt('2026-01-15T11:59:00Z'), own])?.reason).toBe('Usable');
  });

  it('with credentials only a cache of the own namespace counts', () => {
    expect(refusal(NGINX, [own], {}, ['regcred'])).toBeUndefined();
    expect(refusal(NGINX, [own.privateTo('shop')], {}, ['regcred'])?.reason).toBe('Usable');
  });
});
