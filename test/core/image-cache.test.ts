import { describe, expect, it } from 'vitest';
import {
  exactKeysOf,
  isWorking,
  recordedImagesOf,
  repositoriesOf,
  unusableReason,
} from '../../src/core/image-cache.ts';
import { NOW_MS } from '../support/cluster-builder.ts';
import { DIGEST_A, DIGEST_B, SHA512 } from '../support/digests.ts';
import { anImageCache } from '../support/image-cache-builder.ts';

const MARGIN_MS = 4 * 60 * 60 * 1000;
const EXPIRED = '2026-01-15T11:00:00Z';

describe('unusableReason', () => {
  it.each([
    ['a Ready cache is usable', anImageCache('a'), undefined],
    ['Pending', anImageCache('a').inPhase('Pending'), 'NotReady'],
    ['Creating', anImageCache('a').inPhase('Creating', '45%'), 'NotReady'],
    ['Failed', anImageCache('a').inPhase('Failed'), 'NotReady'],
    ['no phase', anImageCache('a').with(['status', 'phase'], undefined), 'NotReady'],
    ['no status', anImageCache('a').with(['status'], undefined), 'NotReady'],
    ['another spelling', anImageCache('a').inPhase('ready'), 'NotReady'],
    ['expired', anImageCache('a').expiringAt(EXPIRED), 'Expired'],
    ['expiring at the very end of the margin', anImageCache('a').expiringAt('2026-01-15T16:00:00Z'), 'Expired'],
    ['expiring a millisecond past the margin', anImageCache('a').expiringAt('2026-01-15T16:00:00.001Z'), undefined],
    [
      'expiring within the margin, with an offset',
      anImageCache('a').expiringAt('2026-01-15T23:59:59+08:00'),
      'Expired',
    ],
    ['expiring after the margin, with an offset', anImageCache('a').expiringAt('2026-01-16T00:00:01+08:00'), undefined],
    ['an unreadable expiry', anImageCache('a').expiringAt('soon'), undefined],
    ['an empty expiry', anImageCache('a').expiringAt(''), undefined],
    ['being deleted', anImageCache('a').beingDeleted(), 'Deleting'],
    ['retiring', anImageCache('a').retiring(), 'Retiring'],
    ['retiring with any value', anImageCache('a').withLabel('imc-webhook/retiring', 'false'), 'Retiring'],
    ['no id', anImageCache('a').with(['status', 'imageCacheId'], undefined), 'NoId'],
    ['an empty id', anImageCache('a').withId(''), 'NoId'],
  ])('spec C1: %s', (_title, cache, reason) => {
    expect(unusableReason(cache.decode(), NOW_MS, MARGIN_MS)).toBe(reason);
  });

  it('spec C1: the reasons are looked for in one order', () => {
    const cache = anImageCache('a').withId('').retiring().beingDeleted().expiringAt(EXPIRED).inPhase('Failed');
    expect(unusableReason(cache.decode(), NOW_MS, MARGIN_MS)).toBe('NotReady');
    expect(unusableReason(cache.inPhase('Ready').decode(), NOW_MS, MARGIN_MS)).toBe('Expired');
    expect(unusableReason(cache.inPhase('Ready').expiringAt('').decode(), NOW_MS, MARGIN_MS)).toBe('Deleting');
  });

  it('spec C1: without a margin a cache serves to its last moment', () => {
    const cache = anImageCache('a').expiringAt('2026-01-15T12:00:00.001Z').decode();
    expect(unusableReason(cache, NOW_MS, 0)).toBeUndefined();
    expect(unusableReason(cache, NOW_MS + 1, 0)).toBe('Expired');
  });
});

describe('isWorking', () => {
  it.each([
    ['a Ready cache', anImageCache('a'), true],
    ['expiring within the margin', anImageCache('a').expiringAt('2026-01-15T12:00:01Z'), true],
    ['of another platform', anImageCache('a').forArchitecture('arm64').forOs('windows'), true],
    ['retiring', anImageCache('a').retiring(), true],
    ['private to another namespace', anImageCache('a').privateTo('other'), true],
    ['expired', anImageCache('a').expiringAt('2026-01-15T12:00:00Z'), false],
    ['being deleted', anImageCache('a').beingDeleted(), false],
    ['not Ready', anImageCache('a').inPhase('Creating'), false],
  ])('spec M1: %s', (_title, cache, working) => {
    expect(isWorking(cache.decode(), NOW_MS)).toBe(working);
  });
});

describe('exactKeysOf', () => {
  const NGINX = 'docker.io/library/nginx';

  it.each([
    ['a tag', anImageCache('a').holding('nginx:1'), [`${NGINX}:1`]],
    ['no tag is latest', anImageCache('a').holding('nginx'), [`${NGINX}:latest`]],
    ['a digest', anImageCache('a').holding(`nginx@${DIGEST_A}`), [`${NGINX}@${DIGEST_A}`]],
    [
      'a tag and a digest hold both',
      anImageCache('a').holding(`nginx:1@${DIGEST_A}`),
      [`${NGINX}:1`, `${NGINX}@${DIGEST_A}`],
    ],
    [
      'a recorded digest',
      anImageCache('a').holding('nginx:1').recording({ name: 'nginx:1', digest: DIGEST_A }),
      [`${NGINX}:1`, `${NGINX}@${DIGEST_A}`],
    ],
    [
      'a digest recorded in the name',
      anImageCache('a')
        .holding('nginx:1')
        .recording({ name: `nginx@${SHA512}` }),
      [`${NGINX}:1`, `${NGINX}@${SHA512}`],
    ],
    [
      'a digest recorded by annotation',
      anImageCache('a').holding('nginx:1').annotatedImages({ name: 'nginx:1', digest: DIGEST_B }),
      [`${NGINX}:1`, `${NGINX}@${DIGEST_B}`],
    ],
    ['a recorded tag is none', anImageCache('a').holding('nginx:1').recording({ name: 'nginx:2' }), [`${NGINX}:1`]],
    ['nothing at all', anImageCache('a'), []],
    ['an invalid reference holds nothing', anImageCache('a').holding('Nginx', 'nginx:1'), [`${NGINX}:1`]],
  ])('spec I3: %s', (_title, cache, keys) => {
    expect([...exactKeysOf(cache.decode()).keys()]).toEqual(keys);
  });

  it('spec I3: repositories are those of spec.images, whatever is recorded', () => {
    const cache = anImageCache('a')
      .holding('nginx:1', 'nginx:2', 'redis')
      .recording({ name: 'ghcr.io/a/b:1' })
      .decode();
    expect([...repositoriesOf(cache)]).toEqual([NGINX, 'docker.io/library/redis']);
  });

  it('spec C3: what status and annotation record is read together', () => {
    const cache = anImageCache('a').recording({ name: 'nginx:1' }).annotatedImages({ name: 'nginx:2' }).decode();
    expect(recordedImagesOf(cache).map(({ reference }) => reference.tag)).toEqual(['1', '2']);
  });
});
