import type { PlannedAction } from './creation-plan.ts';

/** Why an ImageCache is no longer offered to new pods. */
export const RETIRED_BECAUSE: Readonly<Record<(PlannedAction & { readonly kind: 'retire' })['because'], string>> = {
  NeverMatched: 'no pod has used it for 7 days',
  Unmatched: 'no pod has used it for 30 days',
  MakesRoom: 'it is idle and makes room for another (autoCreate.maxCaches)',
};

/** Why an ImageCache is deleted. */
export const DELETED_BECAUSE: Readonly<Record<(PlannedAction & { readonly kind: 'delete' })['because'], string>> = {
  Retired: 'it was retired, and no pod names it any more',
  Expired: 'it has expired',
  Failed: 'its build failed',
  Stuck: 'it was not built within autoCreate.buildDeadline',
};
