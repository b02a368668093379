/** How a review ended (spec sections 2, 5 and 6). One word for logs, metrics, audit and the decision annotation. */
export type Outcome = DecidedOutcome | 'Skipped' | 'NotSynced' | 'Late' | 'Error';

/** The outcomes that a pod acted on can have. */
export type DecidedOutcome =
  | 'Pinned'
  | 'PinUnknown'
  | 'PinNotReady'
  | 'AutoDisabled'
  | 'CompleteMatch'
  | 'PartialMatch'
  | 'NoMatch'
  | 'PerfectMatchUnsatisfied'
  | 'MatchCountUnsatisfied';

/** All outcomes, for metrics and documentation. */
export const OUTCOMES: readonly Outcome[] = [
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
];
