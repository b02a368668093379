import { describe, expect, it } from 'vitest';
import { RecentMap } from '../../src/core/recent-map.ts';

describe('RecentMap', () => {
  it('remembers what was set last', () => {
    const map = new RecentMap<string, number>(2);
    map.set('a', 1);
    map.set('a', 2);
    expect(map.get('a')).toBe(2);
    expect(map.get('b')).toBeUndefined();
  });

  it('keeps what is asked for, however much comes in between', () => {
    const map = new RecentMap<string, number>(10);
    map.set('often', 1);
    for (let i = 0; i < 1000; i += 1) {
      map.set(`once-${i}`, i);
      expect(map.get('often')).toBe(1);
    }
  });

  it('forgets what nobody asks for, so that it never holds more than twice its limit', () => {
    const map = new RecentMap<number, number>(10);
    for (let i = 0; i < 1000; i += 1) map.set(i, i);
    const left = Array.from({ length: 1000 }, (_, i) => i).filter((i) => map.get(i) !== undefined);
    expect(left.length).toBeLessThanOrEqual(20);
    expect(left).toContain(999);
  });
});
