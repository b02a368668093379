import { expect, it } from 'vitest';
import * as keys from '../../src/core/keys.ts';

it.each([
  ['AUTO_KEY', 'k8s.aliyun.com/eci-auto-imc'],
  ['PERFECT_KEY', 'k8s.aliyun.com/imc-perfect-match'],
  ['COUNT_KEY', 'k8s.aliyun.com/imc-match-count-request'],
  ['PIN_KEY', 'k8s.aliyun.com/eci-imc-id'],
  ['LEGACY_AUTO_KEY', 'k8s.aliyun.com/eci-image-cache'],
  ['LEGACY_PIN_KEY', 'k8s.aliyun.com/eci-image-snapshot-id'],
  ['DECISION_KEY', 'imc-webhook/decision'],
  ['IGNORE_KEY', 'imc-webhook/ignore'],
  ['ENABLED_KEY', 'imc-webhook/enabled'],
  ['RECORDED_IMAGES_KEY', 'imc-webhook/images'],
  ['PRIVATE_NAMESPACE_KEY', 'imc-webhook/namespace'],
  ['RETIRING_KEY', 'imc-webhook/retiring'],
] as const)('section 1: %s is %s', (name, key) => {
  expect(keys[name]).toBe(key);
});

it('spec G4: the signals of section 1 are its k8s.aliyun.com annotations of pods', () => {
  expect([...keys.VENDOR_KEYS].toSorted()).toEqual([
    'k8s.aliyun.com/eci-auto-imc',
    'k8s.aliyun.com/eci-image-cache',
    'k8s.aliyun.com/eci-image-snapshot-id',
    'k8s.aliyun.com/eci-imc-id',
    'k8s.aliyun.com/imc-match-count-request',
    'k8s.aliyun.com/imc-perfect-match',
  ]);
});
