import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diskGibFor } from '../../src/core/image-cache-spec.ts';
import { nameTextOf, wantedCacheOf } from '../../src/core/wanted-cache.ts';
import { decodePod } from '../../src/wire/pod.ts';
import { anyReference } from '../support/arbitraries.ts';
import { DIGEST_A } from '../support/digests.ts';
import type { PodBuilder } from '../support/pod-builder.ts';
import { anEciPod } from '../support/pod-builder.ts';

const SETTINGS = { copyAnnotations: ['k8s.aliyun.com/acr-instance-ids'], share: 'namespace' } as const;
const ACR = 'k8s.aliyun.com/acr-instance-ids';

function wanted(pod: PodBuilder, pullSecrets: readonly string[] = [], share: 'namespace' | 'cluster' = 'namespace') {
  return wantedCacheOf(decodePod(pod.build()), 'shop', pullSecrets, { ...SETTINGS, share });
}

describe('wantedCacheOf (spec N2)', () => {
  it('asks for the images normalised, each once, tag and digest kept', () => {
    const pod = anEciPod()
      .withInitImage('busybox')
      .withImages(`nginx:1@${DIGEST_A}`, 'docker.io/library/busybox:latest');
    expect(wanted(pod).references).toEqual([
      'docker.io/library/busybox:latest',
      `docker.io/library/nginx:1@${DIGEST_A}`,
    ]);
  });

  it.each([
    ['no credentials: for everybody', anEciPod(), [], 'namespace', undefined],
    ['a pull secret: for its namespace', anEciPod(), ['regcred'], 'namespace', 'shop'],
    ['a registry instance: for its namespace', anEciPod().withAnnotation(ACR, 'cri-1'), [], 'namespace', 'shop'],
    [
      'a role: for its namespace',
      anEciPod().withAnnotation('k8s.aliyun.com/acr-user-arns', 'x'),
      [],
      'namespace',
      'shop',
    ],
    ['credentials shared on purpose: for everybody', anEciPod(), ['regcred'], 'cluster', undefined],
  ] as const)('visibility: %s', (_title, pod, secrets, share, privateTo) => {
    expect(wanted(pod.withImage('nginx:1'), secrets, share).privateTo).toBe(privateTo);
  });

  it('names the pod’s own pull secrets by namespace, each once', () => {
    expect(wanted(anEciPod(), ['b', 'a', 'b']).pullSecrets).toEqual(['shop:a', 'shop:b']);
  });

  it('copies the annotations that were chosen and those of the platform, nothing else', () => {
    const pod = anEciPod()
      .withAnnotation(ACR, 'cri-1')
      .withAnnotation('k8s.aliyun.com/eci-vswitch', 'vsw-1')
      .withNodeSelector('kubernetes.io/arch', 'arm64');
    expect([...wanted(pod).annotations]).toEqual([
      [ACR, 'cri-1'],
      ['k8s.aliyun.com/imc-cpu-arch', 'arm64'],
    ]);
  });
});

describe('nameTextOf (spec N2)', () => {
  // Published in docs/cost.md: other writers of the same object check themselves against these.
  it.each([
    ['one image', anEciPod().withImage('nginx:1.25'), [], '49445d9b9da82ec8'],
    ['two images in any order', anEciPod().withImages('redis:7', 'nginx:1.25'), [], '3c2c25bc0d6c5b4f'],
    [
      'arm64',
      anEciPod().withImage('nginx:1.25').withNodeSelector('kubernetes.io/arch', 'arm64'),
      [],
      'b1cad84821f38be1',
    ],
    ['private', anEciPod().withImage('nginx:1.25'), ['regcred'], '3d018947825e28c2'],
    ['a digest', anEciPod().withImage(`nginx:1.25@${DIGEST_A}`), [], 'e351d529d4e654e2'],
  ])('%s', (_title, pod, secrets, hex) => {
    expect(
      createHash('sha256')
        .update(nameTextOf(wanted(pod, secrets)))
        .digest('hex')
        .slice(0, 16),
    ).toBe(hex);
  });

  it('is the same whatever the order and spelling of the images', () => {
    fc.assert(
      fc.property(fc.array(anyReference(), { maxLength: 6 }), (references) => {
        const text = nameTextOf(wanted(anEciPod().withImages(...references)));
        expect(nameTextOf(wanted(anEciPod().withImages(...references.toReversed(), ...references)))).toBe(text);
      }),
    );
  });

  it('spells the text of the contract', () => {
    const pod = anEciPod().withImages('redis:7', 'nginx');
    expect(nameTextOf(wanted(pod, ['s']))).toBe(
      'v1\ndocker.io/library/nginx:latest\ndocker.io/library/redis:7\namd64\nlinux\nshop',
    );
  });
});

describe('diskGibFor (spec N2)', () => {
  const GIB = 1024 ** 3;
  it.each([
    ['nothing known', 0, 20],
    ['10 GiB', 10 * GIB, 20],
    ['one byte more', 10 * GIB + 1, 21],
    ['beyond what can be asked for', 40_000 * GIB, 32_768],
  ])('%s', (_title, bytes, expected) => {
    expect(diskGibFor(['a'], () => bytes)).toBe(expected);
  });
});
