import { describe, expect, it } from 'vitest';
import { formatPath, ManifestError } from '../../src/wire/manifest-error.ts';

describe('formatPath', () => {
  it.each([
    [[], ''],
    [['spec'], 'spec'],
    [['spec', 'images', 0], 'spec.images[0]'],
    [[0, 'name'], '[0].name'],
    [['metadata', 'annotations', 'k8s.aliyun.com/eci-imc-id'], 'metadata.annotations["k8s.aliyun.com/eci-imc-id"]'],
    [['a-b', '$c', 'with "quotes"'], 'a-b.$c["with \\"quotes\\""]'],
    [['a', ''], 'a[""]'],
  ])('section 8: %j reads as %s', (path, text) => {
    expect(formatPath(path)).toBe(text);
  });
});

describe('ManifestError', () => {
  const origin = { file: 'caches/web.yaml', position: () => ({ line: 12, column: 5 }) };

  it('section 8: names file, line, column and field', () => {
    const error = ManifestError.at(origin, ['spec', 'images', 0], 'expected an image reference');
    expect(error.message).toBe('caches/web.yaml:12:5: spec.images[0]: expected an image reference');
    expect(error).toMatchObject({
      code: 'ERR_MANIFEST_INVALID',
      location: 'caches/web.yaml:12:5',
      field: 'spec.images[0]',
      problem: 'expected an image reference',
    });
  });

  it.each([
    ['no origin', undefined, ['spec'], 'spec: wrong'],
    ['no place in the file', { file: 'a.yaml', position: () => undefined }, ['spec'], 'a.yaml: spec: wrong'],
    ['no field', origin, [], 'caches/web.yaml:12:5: wrong'],
    ['neither', undefined, [], 'wrong'],
  ])('section 8: %s: the message names what is known', (_title, origin, path, message) => {
    expect(ManifestError.at(origin, path, 'wrong').message).toBe(message);
  });

  it('section 8: keeps its cause', () => {
    const cause = new Error('inner');
    expect(new ManifestError('outer', { cause }).cause).toBe(cause);
  });
});
