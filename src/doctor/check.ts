/** What is asked of an installation, in the order of the report. Stable: programs read these names. */
export const CHECK_NAMES = [
  'api-server',
  'installation',
  'crd',
  'serve-rights',
  'controller-rights',
  'registration',
  'other-webhooks',
  'ca-bundle',
  'certificate',
  'trust',
  'service',
  'replicas',
  'disruption-budget',
  'controller',
  'settings',
  'eci-profile',
  'image-caches',
  'agreement',
  'probe',
  'opt-out',
] as const;

export type CheckName = (typeof CHECK_NAMES)[number];

export type CheckResult = 'ok' | 'warning' | 'failed' | 'skipped';

/** One question about an installation, and its answer. */
export interface Check {
  readonly name: CheckName;
  /** `skipped`: it could not be asked, which says nothing about the installation. */
  readonly result: CheckResult;
  /** What was found, in one sentence. */
  readonly found: string;
  /** What to do, with the command to type; empty when all is well. */
  readonly remedy: string;
}

export function ok(name: CheckName, found: string): Check {
  return { name, result: 'ok', found, remedy: '' };
}

export function warning(name: CheckName, found: string, remedy: string): Check {
  return { name, result: 'warning', found, remedy };
}

export function failed(name: CheckName, found: string, remedy: string): Check {
  return { name, result: 'failed', found, remedy };
}

export function skipped(name: CheckName, found: string, remedy = ''): Check {
  return { name, result: 'skipped', found, remedy };
}
