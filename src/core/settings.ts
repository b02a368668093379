import type { PlanSettings } from './creation-plan.ts';
import type { RegistryAliases } from './image-match.ts';
import type { CopySettings } from './wanted-cache.ts';

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
  /** Tags that move from image to image: a cache of one goes stale without notice (spec A3, N3). */
  readonly mutableTags: readonly string[];
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
  mutableTags: ['latest', 'dev', 'main', 'master', 'nightly', 'stable'],
};

/** What operators can choose about new caches (spec section 7); the defaults are the contract's. */
export interface AutoCreateSettings extends Omit<PlanSettings, 'enabled' | 'expiryMarginMs'>, CopySettings {
  /** spec N1 */
  readonly enabled: 'auto' | 'true' | 'false';
  readonly retentionDays: number | undefined;
}

/** The settings in force where nobody chose. */
export const DEFAULT_CREATION_SETTINGS: AutoCreateSettings = {
  enabled: 'auto',
  allow: [],
  deny: [],
  mutableTags: DEFAULT_SETTINGS.mutableTags,
  maxCaches: 50,
  perMinute: 30,
  buildDeadlineMs: 60 * 60 * 1000,
  retentionDays: undefined,
  share: 'namespace',
  copyAnnotations: ['k8s.aliyun.com/acr-instance-ids'],
};

/**
 * Whether caches are made at all (spec N1): where ECI makes them by itself, only if somebody asks for it; and nothing
 * follows from decisions that are only recorded (spec M12). Nor where nobody would build them: this release has no driver
 * `eci`.
 */
export function createsCaches(
  { enabled }: Pick<AutoCreateSettings, 'enabled'>,
  { mode, controllerDriver }: Pick<DecisionSettings, 'mode' | 'controllerDriver'>,
): boolean {
  if (mode !== 'enforce' || controllerDriver === 'eci') return false;
  return enabled === 'auto' ? controllerDriver !== 'external' : enabled === 'true';
}
