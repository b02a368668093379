import { describe, expect, it } from 'vitest';
import type { LabelRequirement } from '../../src/core/label-selector.ts';
import { firstFailure, formatRequirement } from '../../src/core/label-selector.ts';

const WEB = new Map([
  ['app', 'web'],
  ['empty', ''],
]);

function requirement(operator: LabelRequirement['operator'], key: string, ...values: string[]): LabelRequirement {
  return { key, operator, values };
}

describe('firstFailure', () => {
  it.each([
    ['In holds for a listed value', requirement('In', 'app', 'db', 'web')],
    ['In holds for an empty value that is listed', requirement('In', 'empty', '')],
    ['NotIn holds for a value that is not listed', requirement('NotIn', 'app', 'db')],
    ['NotIn holds for an absent key', requirement('NotIn', 'tier', 'a')],
    ['Exists holds for any value', requirement('Exists', 'app')],
    ['Exists holds for an empty value', requirement('Exists', 'empty')],
    ['DoesNotExist holds for an absent key', requirement('DoesNotExist', 'tier')],
  ])('spec P1: %s', (_title, it) => {
    expect(firstFailure({ requirements: [it] }, WEB)).toBeUndefined();
  });

  it.each([
    ['In fails for another value', requirement('In', 'app', 'db')],
    ['In fails for an absent key', requirement('In', 'tier', 'a')],
    ['In fails for an absent key even if the empty value is listed', requirement('In', 'tier', '')],
    ['In fails for a value in other letters', requirement('In', 'app', 'WEB')],
    ['NotIn fails for a listed value', requirement('NotIn', 'app', 'db', 'web')],
    ['Exists fails for an absent key', requirement('Exists', 'tier')],
    ['DoesNotExist fails for a key without a value', requirement('DoesNotExist', 'empty')],
    ['a property of every object is no label', requirement('Exists', 'constructor')],
  ])('spec P1: %s', (_title, it) => {
    expect(firstFailure({ requirements: [it] }, WEB)).toBe(it);
  });

  it('spec P1: all requirements must hold, and the first that does not is named', () => {
    const holds = requirement('Exists', 'app');
    const first = requirement('Exists', 'tier');
    const second = requirement('In', 'app', 'db');
    expect(firstFailure({ requirements: [holds, first, second] }, WEB)).toBe(first);
  });

  it('spec P1: nothing required holds for nothing', () => {
    expect(firstFailure({ requirements: [] }, new Map())).toBeUndefined();
  });
});

describe('formatRequirement', () => {
  it.each([
    [requirement('In', 'app', 'web'), 'app=web'],
    [requirement('In', 'app', 'web', 'db'), 'app in (web,db)'],
    [requirement('NotIn', 'app', 'web'), 'app!=web'],
    [requirement('NotIn', 'app', 'web', 'db'), 'app notin (web,db)'],
    [requirement('Exists', 'app'), 'app'],
    [requirement('DoesNotExist', 'app'), '!app'],
  ])('section 8: %j reads as kubectl writes it: %s', (it, text) => {
    expect(formatRequirement(it)).toBe(text);
  });
});
