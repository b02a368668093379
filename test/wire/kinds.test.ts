import { describe, expect, it } from 'vitest';
import { kindOf } from '../../src/wire/kinds.ts';

describe('kindOf', () => {
  it.each([
    ['an ImageCache', { apiVersion: 'eci.alibabacloud.com/v1', kind: 'ImageCache' }, 'ImageCache'],
    [
      'an ImageCache of another version',
      { apiVersion: 'eci.alibabacloud.com/v2beta1', kind: 'ImageCache' },
      'ImageCache',
    ],
    ['an ImageCache of another vendor', { apiVersion: 'kubefledged.io/v1alpha2', kind: 'ImageCache' }, 'Other'],
    [
      'an ImageCache of a look-alike group',
      { apiVersion: 'eci.alibabacloud.com.evil.io/v1', kind: 'ImageCache' },
      'Other',
    ],
    ['an ImageCache of no group', { apiVersion: 'eci.alibabacloud.com', kind: 'ImageCache' }, 'Other'],
    ['a Namespace', { apiVersion: 'v1', kind: 'Namespace' }, 'Namespace'],
    ['a Namespace of another group', { apiVersion: 'example.com/v1', kind: 'Namespace' }, 'Other'],
    [
      'the eci-profile',
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'eci-profile', namespace: 'kube-system' } },
      'EciProfile',
    ],
    [
      'an eci-profile elsewhere',
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'eci-profile', namespace: 'default' } },
      'Other',
    ],
    [
      'an eci-profile without a namespace',
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'eci-profile' } },
      'Other',
    ],
    [
      'another ConfigMap',
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x', namespace: 'kube-system' } },
      'Other',
    ],
    ['a Pod', { apiVersion: 'v1', kind: 'Pod' }, 'Other'],
    ['nothing known', {}, 'Other'],
    ['members of other types', { apiVersion: 1, kind: ['ImageCache'] }, 'Other'],
  ])('section 8: %s', (_title, object, kind) => {
    expect(kindOf(object)).toBe(kind);
  });
});
