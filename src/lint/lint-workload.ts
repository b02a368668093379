import type { HandledDecision } from '../core/decision.ts';
import { decide } from '../core/decision.ts';
import { exactKeysOf } from '../core/image-cache.ts';
import { podImagesOf } from '../core/image-match.ts';
import { hasMutableTag, isValidReference, parseImageReference } from '../core/image-reference.ts';
import { ACS_LABEL, COUNT_KEY, ECI_LABEL, IGNORE_KEY } from '../core/keys.ts';
import { readWishes } from '../core/pod-annotations.ts';
import type { DecisionSettings } from '../core/settings.ts';
import { isJsonObject, listMember, member, textMember } from '../wire/json.ts';
import { ManifestError } from '../wire/manifest-error.ts';
import { decodePod } from '../wire/pod.ts';
import { reviewSubjectOf, withDefaultPullPolicies } from '../wire/workload.ts';
import type { FindingReport } from './finding-report.ts';
import type { KnownCluster } from './known-cluster.ts';
import { lintAnnotations } from './lint-annotations.ts';
import { lintMarks } from './lint-placement.ts';
import type { Subject } from './subject.ts';
import { placeIn, valueAt } from './subject.ts';

/** How pods are decided on. */
export interface WorkloadContext {
  readonly settings: DecisionSettings;
  /** The namespace of pods that name none. */
  readonly namespace: string;
}

/**
 * Checks the pods of a workload, and what would become of them.
 *
 * @returns the decision about its pods; `undefined` when they are left alone or cannot be judged.
 */
export function lintWorkload(
  subject: Subject,
  cluster: KnownCluster,
  context: WorkloadContext,
  report: FindingReport,
): HandledDecision | undefined {
  const { podPath } = subject;
  if (podPath === undefined) return undefined;
  const holder = valueAt(subject, podPath);
  const pod = decodePod(holder);
  lintAnnotations(
    {
      annotations: pod.annotations,
      who: 'the pod',
      place: (key, at) => placeIn(subject, [...podPath, 'metadata', 'annotations', key], at),
    },
    cluster,
    report,
  );
  lintMarks(subject, [...podPath, 'metadata', 'labels'], [ECI_LABEL, IGNORE_KEY, ACS_LABEL], report);
  const images = podImagesOf(pod);
  const { matchCount, perfectMatch } = readWishes(pod.annotations);
  if (matchCount !== undefined && !perfectMatch && matchCount > images.count) {
    const place = placeIn(subject, [...podPath, 'metadata', 'annotations', COUNT_KEY]);
    report.add('IMC310', place, `${COUNT_KEY} asks for ${matchCount} images, and the pod has ${images.count}`);
  }
  lintReferences(subject, podPath, report);
  return lintDecision(subject, podPath, cluster, context, report);
}

/** A container's image, and where it stands. */
interface WrittenImage {
  readonly path: readonly (string | number)[];
  readonly image: unknown;
  readonly policy: string;
}

/** The images of init containers and containers (spec I2). */
function* imagesOf(subject: Subject, podPath: readonly string[]): Generator<WrittenImage> {
  for (const list of ['initContainers', 'containers']) {
    for (const [i, container] of listMember(valueAt(subject, [...podPath, 'spec']), list).entries()) {
      const path = [...podPath, 'spec', list, i, 'image'];
      yield { path, image: member(container, 'image'), policy: textMember(container, 'imagePullPolicy') };
    }
  }
}

function lintReferences(subject: Subject, podPath: readonly string[], report: FindingReport): void {
  for (const { path, image } of imagesOf(subject, podPath)) {
    if (image === undefined || image === null) {
      // Some kinds fill it in later, as sidecar injectors do; a pod without an image never starts.
      report.add('IMC401', placeIn(subject, path), 'the container names no image', 'add image');
    } else if (typeof image !== 'string') {
      report.add('IMC401', placeIn(subject, path), 'the image is no text', 'write an image reference in quotes');
    } else {
      const reference = parseImageReference(image);
      if (isValidReference(reference)) continue;
      report.add(
        'IMC401',
        placeIn(subject, path),
        `${JSON.stringify(image)} is no image reference: ${reference.problem}`,
      );
    }
  }
}

/** Asks the engine what would become of the pods, as `imc review` does. */
function lintDecision(
  subject: Subject,
  podPath: readonly string[],
  cluster: KnownCluster,
  context: WorkloadContext,
  report: FindingReport,
): HandledDecision | undefined {
  const { settings, namespace } = context;
  const created = createdPod(subject, podPath, namespace, report);
  if (created === undefined) return undefined;
  const { view, nowMs } = cluster;
  const decision = decide(decodePod(created.pod), created.namespace, {
    cluster: view,
    settings: { ...settings, mode: 'enforce' },
    nowMs,
    ownNamespace: undefined,
  });
  if (decision.kind === 'skip') return undefined;
  for (const { path, image } of imagesOf(subject, podPath)) {
    const reference = parseImageReference(typeof image === 'string' ? image : '');
    if (!isValidReference(reference) || !hasMutableTag(reference, settings.mutableTags)) continue;
    report.add(
      'IMC402',
      placeIn(subject, path),
      `the tag ${reference.tag} of ${String(image)} moves, and a cache does not follow`,
    );
  }
  if (view.imageCaches.size > 0) {
    lintPullPolicies(subject, podPath, decision, report);
    lintCoverage(subject, podPath, decision, report);
  }
  return decision;
}

interface CreatedPod {
  readonly pod: unknown;
  readonly namespace: string;
}

/** The pod as the API server would send it; `undefined` when it would not, which is a finding by then. */
function createdPod(
  subject: Subject,
  podPath: readonly string[],
  namespace: string,
  report: FindingReport,
): CreatedPod | undefined {
  const { value, origin } = subject;
  try {
    const review = reviewSubjectOf({ value, origin });
    if (review === undefined) return undefined;
    const pod = review.kind === 'review' ? valueAt(subject, podPath) : review.pod;
    const reviewed = review.kind === 'review' ? textMember(member(value, 'request'), 'namespace') : review.namespace;
    if (!isJsonObject(pod)) return undefined;
    return { pod: withDefaultPullPolicies(pod), namespace: reviewed || namespace };
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    if (!report.hasErrors(subject)) {
      report.add('IMC002', { file: origin.file, ...error.position, subject }, `${error.field}: ${error.problem}`);
    }
    return undefined;
  }
}

/** An image that is cached is asked for at the registry all the same (spec A3). */
function lintPullPolicies(
  subject: Subject,
  podPath: readonly string[],
  { outcome, because }: HandledDecision,
  report: FindingReport,
): void {
  const { cache } = because;
  if (cache === undefined || (outcome !== 'CompleteMatch' && outcome !== 'PartialMatch' && outcome !== 'Pinned'))
    return;
  const held = exactKeysOf(cache);
  for (const { path, image, policy } of imagesOf(subject, podPath)) {
    const reference = parseImageReference(typeof image === 'string' ? image : '');
    if (!isValidReference(reference) || !held.has(reference.key)) continue;
    if (policy !== 'Always' && !(policy === '' && reference.tag === 'latest')) continue;
    const [place, why] =
      policy === ''
        ? [placeIn(subject, path), 'imagePullPolicy is Always by default for the tag latest']
        : [placeIn(subject, [...path.slice(0, -1), 'imagePullPolicy']), 'imagePullPolicy is Always'];
    report.add('IMC403', place, `${String(image)} is cached in ${cache.name}, but ${why}`);
  }
}

/** Which caches would serve the pods (spec M4 to M8). */
function lintCoverage(
  subject: Subject,
  podPath: readonly string[],
  { outcome, because }: HandledDecision,
  report: FindingReport,
): void {
  const place = placeIn(subject, [...podPath, 'spec', 'containers'], 'key');
  const { images, best, wishes } = because;
  const missing = images.valid.filter(({ key }) => best?.exactKeys.has(key) !== true).map(({ key }) => key);
  const most = best === undefined ? 'none holds any' : `${best.cache.name} holds ${best.exact}`;
  switch (outcome) {
    case 'NoMatch':
      if (missing.length > 0) report.add('IMC404', place, `no usable ImageCache holds ${missing.join(', ')}`);
      return;
    case 'PartialMatch':
      report.add('IMC405', place, `the best ImageCache, ${best?.cache.name}, does not hold ${missing.join(', ')}`);
      return;
    case 'PerfectMatchUnsatisfied':
      report.add('IMC406', place, `all ${images.count} images are asked for, but ${most}`);
      return;
    case 'MatchCountUnsatisfied':
      report.add('IMC406', place, `${wishes.matchCount} cached images are asked for, but ${most}`);
      return;
    default:
  }
}
