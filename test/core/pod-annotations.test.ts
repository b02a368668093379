import { describe, expect, it } from 'vitest';
import { readPin, readWishes } from '../../src/core/pod-annotations.ts';

const AUTO = 'k8s.aliyun.com/eci-auto-imc';
const LEGACY_AUTO = 'k8s.aliyun.com/eci-image-cache';
const PERFECT = 'k8s.aliyun.com/imc-perfect-match';
const COUNT = 'k8s.aliyun.com/imc-match-count-request';
const PIN = 'k8s.aliyun.com/eci-imc-id';
const LEGACY_PIN = 'k8s.aliyun.com/eci-image-snapshot-id';

function wishes(annotations: Readonly<Record<string, string>>): ReturnType<typeof readWishes> {
  return readWishes(new Map(Object.entries(annotations)));
}

describe('readWishes', () => {
  it('section 1: no annotations mean automatic mode without restrictions', () => {
    expect(wishes({})).toEqual({
      pin: undefined,
      auto: true,
      perfectMatch: false,
      matchCount: undefined,
      restrictions: [],
      illegal: [],
    });
  });

  it.each(['true', 'True', 'TRUE', ' true ', '\ttRuE\n'])('spec M10: %j is true', (value) => {
    expect(wishes({ [PERFECT]: value })).toMatchObject({ perfectMatch: true, illegal: [] });
  });

  it.each(['false', 'False', ' FALSE', 'false\n'])('spec M10: %j is false', (value) => {
    expect(wishes({ [AUTO]: value })).toMatchObject({ auto: false, illegal: [] });
  });

  it.each(['', ' ', 'yes', '1', '0', 'truefalse', 'tru e', 'on'])('spec M10: %j is read as absent', (value) => {
    const read = wishes({ [AUTO]: value, [PERFECT]: value });
    expect(read).toMatchObject({ auto: true, perfectMatch: false, restrictions: [] });
    expect(read.illegal).toEqual([
      { key: AUTO, value, expected: '"true" or "false"' },
      { key: PERFECT, value, expected: '"true" or "false"' },
    ]);
  });

  it.each([
    ['1', 1],
    ['20', 20],
    [' 2 ', 2],
    ['\t3\n', 3],
    ['002', 2],
    ['99999999999999999999', 1e20],
  ])('spec M10: the count %j is %d', (value, count) => {
    expect(wishes({ [COUNT]: value })).toMatchObject({ matchCount: count, restrictions: [COUNT], illegal: [] });
  });

  it.each(['', ' ', '0', '00', '-1', '+1', '1.0', '1e1', '0x1', '1 2', 'two', '1,000', 'NaN', 'Infinity', '\u0661'])(
    'spec M10: the count %j is read as absent',
    (value) => {
      const read = wishes({ [COUNT]: value });
      expect(read).toMatchObject({ matchCount: undefined, restrictions: [] });
      expect(read.illegal).toEqual([{ key: COUNT, value, expected: 'a whole number from 1' }]);
    },
  );

  it('spec M10: both restriction keys are read, even one that says false', () => {
    expect(wishes({ [PERFECT]: 'false', [COUNT]: '2' })).toMatchObject({
      perfectMatch: false,
      matchCount: 2,
      restrictions: [PERFECT, COUNT],
    });
  });

  it('section 1: the legacy switch is read where the new one is missing', () => {
    expect(wishes({ [LEGACY_AUTO]: 'false' }).auto).toBe(false);
  });

  it('section 1: the new switch goes before the legacy one', () => {
    expect(wishes({ [AUTO]: 'true', [LEGACY_AUTO]: 'false' }).auto).toBe(true);
    expect(wishes({ [AUTO]: 'false', [LEGACY_AUTO]: 'true' }).auto).toBe(false);
  });

  it('section 1: an illegal new switch still hides the legacy one', () => {
    const read = wishes({ [AUTO]: 'maybe', [LEGACY_AUTO]: 'false' });
    expect(read.auto).toBe(true);
    expect(read.illegal.map(({ key }) => key)).toEqual([AUTO]);
  });

  it('section 1: an illegal legacy switch is named by its own key', () => {
    expect(wishes({ [LEGACY_AUTO]: 'maybe' }).illegal.map(({ key }) => key)).toEqual([LEGACY_AUTO]);
  });
});

describe('readPin', () => {
  it.each([
    ['no pin', {}, undefined],
    ['a pin', { [PIN]: 'imc-a' }, { id: 'imc-a', key: PIN }],
    ['a legacy pin', { [LEGACY_PIN]: 'imc-b' }, { id: 'imc-b', key: LEGACY_PIN }],
    ['both pins: the new one', { [LEGACY_PIN]: 'imc-b', [PIN]: 'imc-a' }, { id: 'imc-a', key: PIN }],
    ['an empty pin: none', { [PIN]: '' }, undefined],
    [
      'an empty pin beside a legacy one: the legacy one',
      { [PIN]: '', [LEGACY_PIN]: 'imc-b' },
      { id: 'imc-b', key: LEGACY_PIN },
    ],
    ['two empty pins: none', { [PIN]: '', [LEGACY_PIN]: '' }, undefined],
  ])('section 1: %s', (_title, annotations, pin) => {
    expect(readPin(new Map(Object.entries(annotations)))).toEqual(pin);
    expect(wishes(annotations).pin).toEqual(pin);
  });
});
