import { describe, expect, it } from 'vitest';
import { decodeNamespace } from '../../src/wire/namespace.ts';

describe('decodeNamespace', () => {
  it.each([
    ['labels', { metadata: { name: 'web', labels: { env: 'prod' } } }, [['env', 'prod']]],
    ['no labels', { metadata: { name: 'web' } }, []],
    ['null for labels', { metadata: { name: 'web', labels: null } }, []],
  ])('spec G4: a Namespace with %s', (_title, object, labels) => {
    const decoded = decodeNamespace(object);
    expect(decoded.name).toBe('web');
    expect([...decoded.labels]).toEqual(labels);
  });

  it.each([
    ['no name', {}, 'metadata.name: a Namespace needs a name'],
    ['an empty name', { metadata: { name: '' } }, 'metadata.name: a Namespace needs a name'],
    [
      'a label that is no text',
      { metadata: { name: 'web', labels: { a: 1 } } },
      'metadata.labels.a: expected a text; put it in quotes: "1"',
    ],
  ])('section 8: %s is refused', (_title, object, message) => {
    expect(() => decodeNamespace(object)).toThrow(expect.objectContaining({ message }));
  });
});
