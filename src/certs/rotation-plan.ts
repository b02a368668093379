/**
 * What the next step of a rotation is, as a function of what can be seen (spec S1). No clock, no I/O, and nothing
 * remembered that a restart would lose for good: the order of the steps keeps every replica verifiable at every moment.
 *
 * 1. A new CA goes into its Secret first, so that no other writer makes a second one.
 * 2. It is added to every `caBundle`. What was trusted there stays trusted.
 * 3. Only when every API server has had time to hear of it, a serving certificate is issued from it.
 * 4. Only when every replica has been seen to serve that certificate, other CAs leave the bundle.
 */

/** A CA, told from others by the fingerprint of its certificate. Times are milliseconds since the epoch. */
export interface AuthorityFacts {
  readonly id: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** A serving certificate whose key belongs to it. */
export interface LeafFacts {
  /** The known CA that signed it, if any did. */
  readonly issuer: string | undefined;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Whether it is for every host name that API servers ask for. */
  readonly coversHosts: boolean;
}

/** CAs as they stand in one `caBundle` or `ca.crt`. */
export interface BundleFacts {
  readonly authorities: readonly AuthorityFacts[];
  /** Whether something else stands there as well, such as a damaged certificate. */
  readonly hasOther: boolean;
}

/** The Secret of the CA and its key. `foreign`: it holds somebody else's data. */
export type AuthoritySlot =
  | { readonly kind: 'absent' | 'foreign' | 'unusable' }
  | { readonly kind: 'held'; readonly authority: AuthorityFacts };

/** The Secret that replicas serve from. */
export type ServingSlot =
  | { readonly kind: 'absent' | 'foreign' }
  | { readonly kind: 'held'; readonly leaf: LeafFacts | undefined; readonly bundle: BundleFacts };

/** All there is to see before a step. */
export interface RotationState {
  readonly nowMs: number;
  readonly authority: AuthoritySlot;
  readonly serving: ServingSlot;
  /** What stands in each `caBundle` of the webhook configuration; undefined when there is no such configuration. */
  readonly registered: readonly BundleFacts[] | undefined;
  /** For how long every `caBundle` has been seen to hold the CA without a break, by a clock that never jumps. */
  readonly trustedForMs: number;
  /** For how long the Secret has been seen to hold a certificate of the CA, by the same clock. */
  readonly offeredForMs: number;
  /** Whether every replica has been seen to serve a certificate of the CA. */
  readonly replicas: 'not asked' | 'converged' | 'behind';
}

export type RotationStep =
  /** Write a new CA and its key to the Secret of the CA. */
  | { readonly kind: 'make authority'; readonly reason: string }
  /** Write these CAs to every `caBundle`. */
  | { readonly kind: 'publish'; readonly bundle: readonly string[] }
  /** Write these CAs to the Secret that replicas serve from, with a new certificate if there is a reason for one. */
  | { readonly kind: 'store'; readonly bundle: readonly string[]; readonly renewal: string | undefined }
  /** Look what replicas serve, then ask again. */
  | { readonly kind: 'ask replicas' }
  /** Nothing to do now. */
  | { readonly kind: 'wait'; readonly reason: WaitReason }
  /** Nothing can be done without a person. */
  | { readonly kind: 'stuck'; readonly reason: 'foreign authority' | 'foreign serving' };

export type WaitReason =
  /** Everything is as it should be. */
  | 'settled'
  /** The webhook configuration is not there. */
  | 'not registered'
  /** API servers may not have heard of the CA yet. */
  | 'trust'
  /** Replicas may still serve a certificate of an older CA. */
  | 'replicas';

/** How long API servers get to hear of a new CA, and replicas of a new certificate. They need seconds at most. */
export const PROPAGATION_MS = 2 * 60 * 1000;

/** Clocks differ: what begins within this time counts as begun, as it does for replicas. */
const CLOCK_TOLERANCE_MS = 5 * 60 * 1000;

/** Says what to do next. Doing it and asking again, in any number of processes, with crashes anywhere, is safe. */
export function nextRotationStep(state: RotationState, propagationMs: number = PROPAGATION_MS): RotationStep {
  const { nowMs, authority: slot, serving, registered } = state;
  if (slot.kind === 'foreign') return { kind: 'stuck', reason: 'foreign authority' };
  if (serving.kind === 'foreign') return { kind: 'stuck', reason: 'foreign serving' };
  if (slot.kind !== 'held') {
    return { kind: 'make authority', reason: slot.kind === 'absent' ? 'there was none' : 'the old one was damaged' };
  }
  const { authority } = slot;
  const outdated = outdatedReason(authority, nowMs);
  if (outdated !== undefined) return { kind: 'make authority', reason: `the old one ${outdated}` };
  if (registered === undefined || registered.length === 0) return { kind: 'wait', reason: 'not registered' };

  const leaf = serving.kind === 'held' ? serving.leaf : undefined;
  const offered = leaf?.issuer === authority.id && outdatedReason(leaf, nowMs) === undefined;
  const hasReplacedOthers = offered && state.offeredForMs >= propagationMs;
  const others = otherAuthorities(state, authority.id);
  const bundle =
    hasReplacedOthers && state.replicas === 'converged'
      ? [authority.id]
      : [authority.id, ...others.map(({ id }) => id)];

  if (registered.some((facts) => !holdsExactly(facts, bundle))) return { kind: 'publish', bundle };

  const renewal = renewalReason(leaf, authority.id, nowMs);
  const isTrusted = others.length === 0 || state.trustedForMs >= propagationMs;
  // A CA may be from the future by a little, if a writer with another clock made it; API servers do not forgive that.
  const mayIssue = isTrusted && authority.notBeforeMs <= nowMs;
  if (renewal !== undefined && mayIssue) return { kind: 'store', bundle, renewal };
  // Also without a certificate: the bundle is to be known in two places, should somebody reset the other.
  if (serving.kind !== 'held' || !holdsExactly(serving.bundle, bundle)) {
    return { kind: 'store', bundle, renewal: undefined };
  }
  if (renewal !== undefined) return { kind: 'wait', reason: 'trust' };
  if (bundle.length === 1) return { kind: 'wait', reason: 'settled' };
  if (hasReplacedOthers && state.replicas === 'not asked') return { kind: 'ask replicas' };
  return { kind: 'wait', reason: 'replicas' };
}

/** Every CA but one that anybody trusts, in an order that does not depend on where they were found. */
function otherAuthorities({ serving, registered }: RotationState, id: string): AuthorityFacts[] {
  // Those that have ended stay too until replicas were asked: it may be our clock that is wrong.
  const bundles = [...(registered ?? []), ...(serving.kind === 'held' ? [serving.bundle] : [])];
  const byId = new Map(bundles.flatMap(({ authorities }) => authorities.map((authority) => [authority.id, authority])));
  byId.delete(id);
  return [...byId.values()].toSorted((a, b) => b.notAfterMs - a.notAfterMs || (a.id < b.id ? -1 : 1));
}

function holdsExactly({ authorities, hasOther }: BundleFacts, wanted: readonly string[]): boolean {
  const ids = new Set(authorities.map(({ id }) => id));
  return (
    !hasOther && authorities.length === ids.size && ids.size === wanted.length && wanted.every((id) => ids.has(id))
  );
}

function renewalReason(leaf: LeafFacts | undefined, authority: string, nowMs: number): string | undefined {
  if (leaf === undefined) return 'there was none';
  const outdated = outdatedReason(leaf, nowMs);
  if (outdated !== undefined) return `the old one ${outdated}`;
  if (leaf.issuer !== authority) return 'there is a new CA';
  return leaf.coversHosts ? undefined : 'the host names changed';
}

/** A certificate is replaced at two thirds of its life. */
function outdatedReason(
  { notBeforeMs, notAfterMs }: Pick<AuthorityFacts, 'notBeforeMs' | 'notAfterMs'>,
  nowMs: number,
): string | undefined {
  if (notAfterMs <= nowMs) return 'has ended';
  if (notBeforeMs > nowMs + CLOCK_TOLERANCE_MS) return 'begins in the future';
  return nowMs < notBeforeMs + ((notAfterMs - notBeforeMs) * 2) / 3 ? undefined : 'is due';
}
