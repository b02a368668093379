import type { Decision, DecisionContext } from './decision.ts';
import { decide, withoutFormerAdditions } from './decision.ts';
import type { RuleEvaluation } from './eci-profile.ts';
import { evaluateRule } from './eci-profile.ts';
import type { ImageCache, UnusableReason } from './image-cache.ts';
import { unusableReason } from './image-cache.ts';
import type { MatchDegree } from './image-match.ts';
import { compareAge, compareDegree, matchDegree, podImagesOf } from './image-match.ts';
import type { Platform } from './platform.ts';
import { platformOf } from './platform.ts';
import type { PodView } from './pod.ts';
import { compareCodeUnits } from './text-order.ts';

/** Why a cache was not chosen (section 8, `explain`), the first that holds. */
export type RejectionReason =
  | UnusableReason
  | 'ArchMismatch'
  | 'OsMismatch'
  | 'OtherNamespace'
  | 'NoImageMatch'
  | 'BelowMatchCount'
  | 'NotPerfect'
  | `OutrankedBy:${string}`;

/** A decision with everything that was weighed for it (section 8, `explain`). */
export interface Explanation {
  readonly decision: Decision;
  readonly platform: Platform;
  /** Candidates by spec M4, best first; also where a pin or the gate made the ranking idle. */
  readonly candidates: readonly Candidate[];
  /** All other caches by name. */
  readonly others: readonly { readonly cache: ImageCache; readonly reason: RejectionReason }[];
  readonly images: readonly ExplainedImage[];
  /** Every profile rule in order, matched or with what failed first. */
  readonly rules: readonly RuleEvaluation[];
}

/** A cache that can serve the pod. */
export interface Candidate extends MatchDegree {
  readonly cache: ImageCache;
  readonly exactKeys: ReadonlySet<string>;
  /** `undefined` for the one chosen. */
  readonly reason: RejectionReason | undefined;
}

/** One distinct image of the pod and who has it. */
export interface ExplainedImage {
  /** The key, or the text of an invalid reference. */
  readonly image: string;
  /** What is wrong with an invalid reference. */
  readonly invalid: boolean;
  /** Names of the candidates that hold it exactly, best first. */
  readonly heldBy: readonly string[];
  /** 0 when no cache records one: it then counts as 0 in the ranking (spec C3). */
  readonly sizeBytes: number;
}

/**
 * Explains a decision: looks at every cache, unlike {@link decide}, whose answer it contains unchanged. Costs
 * O(caches x images).
 */
export function explain(pod: PodView, namespace: string, context: DecisionContext): Explanation {
  const { cluster, settings, nowMs } = context;
  const decision = decide(pod, namespace, context);
  const subject = decision.kind === 'skip' ? withoutFormerAdditions(pod, cluster) : decision.because.pod;
  const images = podImagesOf(subject);
  const platform = platformOf(subject);
  const sizeOf = (key: string): number => cluster.imageCaches.sizeOf(key);

  const candidates: Omit<Candidate, 'reason'>[] = [];
  const others: Explanation['others'][number][] = [];
  for (const cache of cluster.imageCaches.all()) {
    const reason =
      unusableReason(cache, nowMs, settings.expiryMarginMs) ?? visibilityReason(cache, platform, namespace);
    if (reason !== undefined) {
      others.push({ cache, reason });
      continue;
    }
    const degree = matchDegree(images, cache, settings.registryAliases, sizeOf);
    if (degree.exact === 0) others.push({ cache, reason: 'NoImageMatch' });
    else candidates.push({ cache, ...degree });
  }
  candidates.sort((a, b) => compareDegree(a, b) || compareAge(a.cache, b.cache));
  others.sort((a, b) => compareCodeUnits(a.cache.name, b.cache.name));

  return {
    decision,
    platform,
    candidates: candidates.map((candidate) => ({
      ...candidate,
      reason: rankingReason(candidate, candidates[0], images.count, decision),
    })),
    others,
    images: [
      ...images.valid.map(({ key }) => ({
        image: key,
        invalid: false,
        heldBy: candidates.filter(({ exactKeys }) => exactKeys.has(key)).map(({ cache }) => cache.name),
        sizeBytes: sizeOf(key),
      })),
      ...images.invalid.map((image) => ({ image, invalid: true, heldBy: [], sizeBytes: 0 })),
    ],
    rules: cluster.profile.rules.map((rule) =>
      evaluateRule(rule, withoutFormerAdditions(pod, cluster).labels, cluster.namespaces.get(namespace)),
    ),
  };
}

function visibilityReason(cache: ImageCache, platform: Platform, namespace: string): RejectionReason | undefined {
  if (cache.platform.architecture !== platform.architecture) return 'ArchMismatch';
  if (cache.platform.os !== platform.os) return 'OsMismatch';
  return cache.privateTo !== undefined && cache.privateTo !== namespace ? 'OtherNamespace' : undefined;
}

function rankingReason(
  candidate: Omit<Candidate, 'reason'>,
  first: Omit<Candidate, 'reason'> | undefined,
  images: number,
  decision: Decision,
): RejectionReason | undefined {
  if (decision.kind !== 'skip') {
    const { perfectMatch, matchCount } = decision.because.wishes;
    if (perfectMatch && candidate.exact < images) return 'NotPerfect';
    if (!perfectMatch && matchCount !== undefined && candidate.exact < matchCount) return 'BelowMatchCount';
  }
  return first === undefined || first.cache === candidate.cache ? undefined : `OutrankedBy:${first.cache.name}`;
}
