import { expect, it } from 'vitest';
import { OUTCOMES } from '../../src/core/outcome.ts';

it('spec S8: every outcome of the contract is counted, each once', () => {
  expect(OUTCOMES.toSorted()).toEqual([
    'AutoDisabled',
    'CompleteMatch',
    'Error',
    'Late',
    'MatchCountUnsatisfied',
    'NoMatch',
    'NotSynced',
    'PartialMatch',
    'PerfectMatchUnsatisfied',
    'PinNotReady',
    'PinUnknown',
    'Pinned',
    'Skipped',
  ]);
});
