import { expect, it } from 'vitest';
import * as keys from '../../src/core/keys.ts';

it.each([
  [keys.AUTO_KEY, 'k8s.aliyun.com/eci-auto-imc'],
  [keys.PERFECT_KEY, 'k8s.aliyun.com/imc-perfect-match'],
  [keys.COUNT_KEY, 'k8s.aliyun.com/imc-match-count-request'],
  [keys.PIN_KEY, 'k8s.aliyun.com/eci-imc-id'],
  [keys.LEGACY_AUTO_KEY, 'k8s.aliyun.com/eci-image-cache'],
  [keys.LEGACY_PIN_KEY, 'k8s.aliyun.com/eci-image-snapshot-id'],
  [keys.DECISION_KEY, 'imc-webhook/decision'],
  [keys.IGNORE_KEY, 'imc-webhook/ignore'],
  [keys.ENABLED_KEY, 'imc-webhook/enabled'],
  [keys.RECORDED_IMAGES_KEY, 'imc-webhook/images'],
  [keys.PRIVATE_NAMESPACE_KEY, 'imc-webhook/namespace'],
  [keys.RETIRING_KEY, 'imc-webhook/retiring'],
])('section 1: %s is spelled as in the contract', (key, spelled) => {
  expect(key).toBe(spelled);
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
