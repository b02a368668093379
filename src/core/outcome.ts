/** All outcomes, for metrics and documentation. */
export const OUTCOMES = [
  'CompleteMatch',
  'PartialMatch',
  'NoMatch',
  'PerfectMatchUnsatisfied',
  'MatchCountUnsatisfied',
  'Pinned',
  'PinUnknown',
  'PinNotReady',
  'AutoDisabled',
  'Skipped',
  'NotSynced',
  'Late',
  'Error',
] as const;

/** How a review ended (spec sections 2, 5 and 6). One word for logs, metrics, audit and the decision annotation. */
export type Outcome = (typeof OUTCOMES)[number];

/** The outcomes that a pod acted on can have. */
export type DecidedOutcome = Exclude<Outcome, 'Skipped' | 'NotSynced' | 'Late' | 'Error'>;
