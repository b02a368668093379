import { describe, expect, it } from 'vitest';
import { isJsonObject, listMember, member, textMap, textMember } from '../../src/wire/json.ts';

const POLLUTED: unknown = JSON.parse('{"__proto__":{"inner":"x"},"constructor":"y","list":[1],"text":"t"}');

describe('reading JSON of unknown shape', () => {
  it.each([
    [{}, true],
    [JSON.parse('{"__proto__":1}'), true],
    [[], false],
    [null, false],
    [undefined, false],
    ['x', false],
    [7, false],
  ])('spec A7: %j is an object: %s', (value, is) => {
    expect(isJsonObject(value)).toBe(is);
  });

  it('spec A7: only own members count, whatever they are called', () => {
    expect(member(POLLUTED, '__proto__')).toEqual({ inner: 'x' });
    expect(member(POLLUTED, 'inner')).toBeUndefined();
    expect(textMember(POLLUTED, 'constructor')).toBe('y');
    expect(member({}, 'constructor')).toBeUndefined();
    expect(member({}, '__proto__')).toBeUndefined();
    expect(member([1], '0')).toBeUndefined();
    expect(member('text', 'length')).toBeUndefined();
  });

  it('spec A7: what is missing or of another type is empty', () => {
    expect(textMember(POLLUTED, 'list')).toBe('');
    expect(textMember(null, 'x')).toBe('');
    expect(listMember(POLLUTED, 'list')).toEqual([1]);
    expect(listMember(POLLUTED, 'text')).toEqual([]);
    expect(listMember(undefined, 'x')).toEqual([]);
  });

  it('spec A7: a map holds the texts of an object', () => {
    const map = textMap(JSON.parse('{"__proto__":"a","constructor":"b","number":1,"null":null,"empty":""}'));
    expect([...map]).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
      ['empty', ''],
    ]);
    expect(textMap(['a']).size).toBe(0);
    expect(textMap(null).size).toBe(0);
  });
});
