import { expect, it } from 'vitest';
import { DEFAULT_SETTINGS } from '../../src/core/settings.ts';

it('section 8: where nobody chose, the settings are those of the contract', () => {
  expect(DEFAULT_SETTINGS).toEqual({
    mode: 'enforce',
    podScope: 'eci',
    partialMatch: 'auto',
    unreadyPin: 'warn',
    registryAliases: 'off',
    expiryMarginMs: 4 * 60 * 60 * 1000,
    warnings: 'on',
    controllerDriver: 'simulated',
    mutableTags: ['latest', 'dev', 'main', 'master', 'nightly', 'stable'],
  });
});
