import { describe, expect, it } from 'vitest';
import { TOKENS } from '../../src/composition/tokens.ts';
import { anApplication } from './running-application.ts';
import { temporaryFolder } from './temporary-folder.ts';

describe('the container', () => {
  const names = Object.keys(TOKENS) as (keyof typeof TOKENS)[]; // its own keys

  it.each(names)('makes the part %s, and makes it once', (name) => {
    const { get } = anApplication({ dir: temporaryFolder() });
    const part = get<unknown>(TOKENS[name]);
    expect(part).toBeTypeOf('object');
    expect(get<unknown>(TOKENS[name])).toBe(part);
  });

  it.each(names)('makes a part %s of its own for each application', (name) => {
    const dir = temporaryFolder();
    const [one, other] = [anApplication({ dir }), anApplication({ dir })];
    expect(one.get<unknown>(TOKENS[name])).not.toBe(other.get<unknown>(TOKENS[name]));
  });
});
