import { describe, expect, it } from 'vitest';
import { isAnnotationKey, isLabelKey, isLabelValue } from '../../src/core/qualified-name.ts';

const LONGEST_PREFIX = `${'a'.repeat(249)}.com`;

describe('isLabelKey', () => {
  it.each([
    'app',
    'App.kubernetes-io_1',
    'a',
    'n'.repeat(63),
    'example.com/app',
    'k8s.aliyun.com/eci-imc-id',
    `${LONGEST_PREFIX}/app`,
    'a/b',
  ])('spec P6: %s is a legal key', (key) => {
    expect(isLabelKey(key)).toBe(true);
    expect(isAnnotationKey(key)).toBe(true);
  });

  it.each([
    '',
    ' app',
    'app ',
    'app\n',
    '-app',
    'app.',
    'n'.repeat(64),
    '/app',
    'example.com/',
    'a/b/c',
    'exa mple.com/app',
    'example..com/app',
    '-example.com/app',
    `a${LONGEST_PREFIX}/app`,
    '__proto__',
    'bad key!',
    'cl\u00e9',
  ])('spec P6: %j is an illegal key', (key) => {
    expect(isLabelKey(key)).toBe(false);
    expect(isAnnotationKey(key)).toBe(false);
  });

  it('spec P6: capitals in the prefix are legal for annotations only, as the API server has it', () => {
    expect(isLabelKey('Example.COM/app')).toBe(false);
    expect(isAnnotationKey('Example.COM/app')).toBe(true);
  });
});

describe('isLabelValue', () => {
  it.each(['', 'a', 'web', 'V1_0.a-b', 'v'.repeat(63), '0'])('spec P6: %j is a legal value', (value) => {
    expect(isLabelValue(value)).toBe(true);
  });

  it.each([' ', 'a b', '-a', 'a-', '_', 'v'.repeat(64), 'a/b', 'a\n', '\u00e9'])(
    'spec P6: %j is an illegal value',
    (value) => {
      expect(isLabelValue(value)).toBe(false);
    },
  );
});
