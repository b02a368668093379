import { describe, expect, it } from 'vitest';
import { HeldBack } from '../../src/controller/held-back.ts';

function aWorld(random = 1) {
  const clock = { nowMs: 1_000_000 };
  return {
    clock,
    held: new HeldBack(
      () => clock.nowMs,
      () => random,
    ),
  };
}

describe('HeldBack', () => {
  it('waits twice as long each time, up to five minutes, with a jitter', () => {
    const { held } = aWorld();
    expect(Array.from({ length: 11 }, () => held.refused('a'))).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000,
    ]);
    expect(aWorld(0).held.refused('a')).toBe(500);
  });

  it('holds back that one alone, until its time has come', () => {
    const { clock, held } = aWorld();
    held.refused('a');
    expect([held.has('a'), held.has('b'), held.nextAtMs() - clock.nowMs]).toEqual([true, false, 1_000]);
    clock.nowMs += 1_000;
    expect(held.has('a')).toBe(false);
  });

  it('begins anew after a write was taken, or nothing was to be written for a while', () => {
    const { held } = aWorld();
    for (const name of ['a', 'b', 'c']) held.refused(name);
    held.taken('a');
    held.keepOnly(new Set(['a', 'b']));
    expect(['a', 'b', 'c'].map((name) => held.refused(name))).toEqual([1_000, 2_000, 1_000]);
  });

  it('has nothing due where nothing was refused', () => {
    expect(aWorld().held.nextAtMs()).toBe(Infinity);
  });
});
