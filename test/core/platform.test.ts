import { describe, expect, it } from 'vitest';
import { platformOf } from '../../src/core/platform.ts';
import { decodePod } from '../../src/wire/pod.ts';
import { aPod } from '../support/pod-builder.ts';

const ARCH = 'kubernetes.io/arch';
const BETA_ARCH = 'beta.kubernetes.io/arch';
const OS = 'kubernetes.io/os';
const BETA_OS = 'beta.kubernetes.io/os';

function oneOf(key: string, ...values: string[]): { key: string; operator: string; values: string[] } {
  return { key, operator: 'In', values };
}

describe('platformOf', () => {
  it.each([
    ['nothing asked for: amd64', aPod(), 'amd64'],
    ['a nodeSelector decides', aPod().withNodeSelector(ARCH, 'arm64'), 'arm64'],
    ['its beta form too', aPod().withNodeSelector(BETA_ARCH, 'arm64'), 'arm64'],
    [
      'a nodeSelector goes before affinity',
      aPod().withNodeSelector(ARCH, 'arm64').requiring(oneOf(ARCH, 'amd64')),
      'arm64',
    ],
    ['affinity to one value', aPod().requiring(oneOf(ARCH, 'arm64')), 'arm64'],
    ['affinity in its beta form', aPod().requiring(oneOf(BETA_ARCH, 'arm64')), 'arm64'],
    ['amd64 if it is acceptable', aPod().requiring(oneOf(ARCH, 'arm64', 'amd64')), 'amd64'],
    ['else the smallest acceptable', aPod().requiring(oneOf(ARCH, 's390x', 'arm64', 'riscv64')), 'arm64'],
    ['smallest by code unit', aPod().requiring(oneOf(ARCH, 'arm', 'ARM64')), 'ARM64'],
    ['terms are alternatives', aPod().requiring(oneOf(ARCH, 's390x')).requiring(oneOf(ARCH, 'arm64')), 'arm64'],
    ['one of them may accept amd64', aPod().requiring(oneOf(ARCH, 'arm64')).requiring(oneOf(ARCH, 'amd64')), 'amd64'],
    [
      'a term without the key accepts all',
      aPod().requiring(oneOf(ARCH, 'arm64')).requiring(oneOf('zone', 'a')),
      'amd64',
    ],
    ['a term without expressions accepts all', aPod().requiring(oneOf(ARCH, 'arm64')).requiring(), 'amd64'],
    ['other expressions of a term do not matter', aPod().requiring(oneOf('zone', 'a'), oneOf(ARCH, 'arm64')), 'arm64'],
    ['NotIn does not count', aPod().requiring({ key: ARCH, operator: 'NotIn', values: ['amd64'] }), 'amd64'],
    ['Exists does not count', aPod().requiring({ key: ARCH, operator: 'Exists' }), 'amd64'],
    ['an empty list accepts nothing and counts as nothing', aPod().requiring(oneOf(ARCH)), 'amd64'],
  ])('spec C2: architecture: %s', (_title, pod, architecture) => {
    expect(platformOf(decodePod(pod.build())).architecture).toBe(architecture);
  });

  it.each([
    ['nothing asked for: linux', aPod(), 'linux'],
    ['a nodeSelector decides', aPod().withNodeSelector(OS, 'windows'), 'windows'],
    ['its beta form too', aPod().withNodeSelector(BETA_OS, 'windows'), 'windows'],
    ['spec.os', aPod().forOs('windows'), 'windows'],
    ['a nodeSelector goes before spec.os', aPod().withNodeSelector(OS, 'linux').forOs('windows'), 'linux'],
    [
      'spec.os goes before affinity',
      aPod()
        .forOs('windows')
        .requiring(oneOf(OS, 'linux', 'windows')),
      'windows',
    ],
    ['affinity', aPod().requiring(oneOf(OS, 'windows')), 'windows'],
    ['linux if it is acceptable', aPod().requiring(oneOf(BETA_OS, 'windows', 'linux')), 'linux'],
  ])('spec C2: operating system: %s', (_title, pod, os) => {
    expect(platformOf(decodePod(pod.build())).os).toBe(os);
  });

  it('spec C2: preferred affinity does not count', () => {
    const preference = { matchExpressions: [oneOf(ARCH, 'arm64')] };
    const path = ['spec', 'affinity', 'nodeAffinity', 'preferredDuringSchedulingIgnoredDuringExecution'];
    const pod = aPod().with(path, [{ weight: 1, preference }]);
    expect(platformOf(decodePod(pod.build()))).toEqual({ architecture: 'amd64', os: 'linux' });
  });
});
