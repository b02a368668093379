import { describe, expect, it } from 'vitest';
import { FINDING_CODES, FINDING_GROUPS, FINDINGS } from '../../src/lint/findings.ts';
import { lintText } from './lint-files.ts';

describe.each(FINDING_CODES)('%s', (code) => {
  const { example, severity, title, why, remedy } = FINDINGS[code];

  it('is found in its example, with the severity of its definition and a place', () => {
    const found = lintText(example.bad).filter((finding) => finding.code === code);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ severity, file: 'a.yaml', line: expect.any(Number), column: expect.any(Number) });
    expect(found[0]?.message).not.toBe('');
    expect(found[0]?.remedy).not.toBe('');
  });

  it('is not found in the example without it', () => {
    expect(lintText(example.good).map((finding) => finding.code)).not.toContain(code);
  });

  it('changes nothing but what it is about: the example without it has no other error', () => {
    expect(lintText(example.good).filter((finding) => finding.severity === 'error')).toEqual([]);
  });

  it('is told in sentences', () => {
    expect(title).toMatch(/^[a-z][^\n]*[^.]$/);
    expect(why).toMatch(/^\S[^\n]*\.$/);
    expect(remedy).toMatch(/^[a-z][^\n]*[^.]$/);
  });
});

it('every code is in one group, in order', () => {
  expect(FINDING_GROUPS.flatMap(({ codes }) => codes)).toEqual(FINDING_CODES);
});
