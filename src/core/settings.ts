import type { RegistryAliases } from './image-match.ts';

/** What operators can choose about decisions; the defaults are the contract's. */
export interface DecisionSettings {
  /** spec M12 */
  readonly mode: 'enforce' | 'observe' | 'off';
  /** spec G4 */
  readonly podScope: 'eci' | 'all';
  /** spec M7 */
  readonly partialMatch: 'auto' | 'pin' | 'delegate';
  /** spec M1 */
  readonly unreadyPin: 'warn' | 'deny';
  /** spec I4 */
  readonly registryAliases: RegistryAliases;
  /** A cache that expires within this time is not offered (spec C1). */
  readonly expiryMarginMs: number;
  /** spec A3 */
  readonly warnings: 'on' | 'off';
  /** Who builds ImageCaches; `partialMatch: auto` depends on it (spec M7). */
  readonly controllerDriver: 'external' | 'simulated' | 'eci';
}

/** The settings in force where nobody chose; `controllerDriver` is that of the files source (spec M7). */
export const DEFAULT_SETTINGS: DecisionSettings = {
  mode: 'enforce',
  podScope: 'eci',
  partialMatch: 'auto',
  unreadyPin: 'warn',
  registryAliases: 'off',
  expiryMarginMs: 4 * 60 * 60 * 1000,
  warnings: 'on',
  controllerDriver: 'simulated',
};
