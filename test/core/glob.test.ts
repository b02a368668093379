import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globMatches } from '../../src/core/glob.ts';

describe('globMatches', () => {
  it.each([
    ['docker.io/library/nginx:1', 'docker.io/library/nginx:1', true],
    ['docker.io/*', 'docker.io/library/nginx:1', true],
    ['*/nginx:*', 'docker.io/library/nginx:1', true],
    ['*', '', true],
    ['', '', true],
    ['', 'a', false],
    ['docker.io/library/nginx', 'docker.io/library/nginx:1', false],
    ['*:1.?', 'a/b:1.2', true],
    ['*:1.?', 'a/b:1.23', false],
    ['a.b', 'axb', false],
    ['[ab]', 'a', false],
    ['**', 'a/b', true],
  ])('%s on %s: %s', (glob, text, expected) => {
    expect(globMatches(glob, text)).toBe(expected);
  });

  it('agrees with the regular expression it stands for', () => {
    const texts = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.'), maxLength: 12 });
    const globs = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', '*', '?'), maxLength: 8 });
    fc.assert(
      fc.property(globs, texts, (glob, text) => {
        const pattern = glob.replaceAll(/[.*?]/g, (c) => ({ '.': '\\.', '*': '.*', '?': '.' })[c] ?? c);
        expect(globMatches(glob, text)).toBe(new RegExp(`^${pattern}$`).test(text));
      }),
      { numRuns: 1000 },
    );
  });

  it('takes hostile globs in their stride', () => {
    expect(globMatches(`${'*a'.repeat(200)}b`, 'a'.repeat(4000))).toBe(false);
  });
});
