import { describe, expect, it } from 'vitest';
import { ambiguousScalars } from '../../src/wire/yaml-1-1.ts';

/** What kubectl reads; the rows below were compared with kubectl 1.32. */
function readings(text: string): readonly string[] {
  return ambiguousScalars('a.yaml', text).map(
    ({ text, readAs, position, keys }) => `${position.line}:${position.column} ${keys.join('.')} ${text} -> ${readAs}`,
  );
}

describe('scalars that kubectl reads differently', () => {
  it.each([
    ['y', 'true'],
    ['Y', 'true'],
    ['yes', 'true'],
    ['Yes', 'true'],
    ['On', 'true'],
    ['ON', 'true'],
    ['n', 'false'],
    ['No', 'false'],
    ['off', 'false'],
    ['0777', '511'],
    ['-0777', '-511'],
    ['07_7', '63'],
    ['0b11', '3'],
    ['-0b11', '-3'],
    ['1_000', '1000'],
    ['+1_000', '1000'],
  ])('%s is %s', (text, readAs) => {
    expect(readings(`a: ${text}\n`)).toEqual([`1:4 a ${text} -> ${readAs}`]);
    expect(readings(`a: [1, ${text}]\n`)).toEqual([`1:8 a ${text} -> ${readAs}`]);
    expect(readings(`a:\n- ${text} # so\n`)).toEqual([`2:3 a ${text} -> ${readAs}`]);
    expect(readings(`a: ${text}\r\nb: c\r\n`)).toEqual([`1:4 a ${text} -> ${readAs}`]);
  });

  it.each([
    'oN',
    'yEs',
    'true',
    'False',
    'null',
    '~',
    '08',
    '0o17',
    '0x1F',
    '1:30',
    '12',
    '0',
    '1e3',
    '2026-01-01',
    '"yes"',
    "'0777'",
    '!!str yes',
    'yes sir',
    'nginx',
  ])('%s is the same to both', (text) => {
    expect(readings(`a: ${text}\n`)).toEqual([]);
    expect(readings(`a: [${text}]\n`)).toEqual([]);
  });

  it('keys are left alone, and so are texts in blocks and JSON', () => {
    expect(readings('yes: a\non: {no: b}\n')).toEqual([]);
    expect(readings('a: |\n  yes\n  on\nb: >-\n  off\n')).toEqual([]);
    expect(readings('{"a": "yes", "b": ["on"]}')).toEqual([]);
  });

  it('says where, in every document and behind a byte order mark', () => {
    expect(readings('\uFEFFa: yes\n---\nb:\n  c:\n  - d: on\n---\n')).toEqual([
      '1:4 a yes -> true',
      '5:8 b.c.d on -> true',
    ]);
  });

  it('tells what an anchor holds where it stands, once', () => {
    expect(readings('a: &a {b: yes}\nc: *a\nd: {<<: *a}\n')).toEqual(['1:11 a.b yes -> true']);
  });
});
