import type { RankedCache } from './cache-search.ts';
import type { ClusterView } from './cluster-view.ts';
import type { Additions, DecisionRecord } from './decision-record.ts';
import { auditAnnotations, encodeDecisionRecord, formerAdditions, formerAudit } from './decision-record.ts';
import type { ProfileRule } from './eci-profile.ts';
import type { SkipReason } from './gate.ts';
import { isBoundToEci, passGate } from './gate.ts';
import type { ImageCache } from './image-cache.ts';
import type { PodImages } from './image-match.ts';
import { podImagesOf } from './image-match.ts';
import { hasMutableTag, isValidReference, parseImageReference } from './image-reference.ts';
import { AUTO_KEY, DECISION_KEY, LEGACY_AUTO_KEY, LEGACY_PIN_KEY, PIN_KEY } from './keys.ts';
import type { StringMap } from './label-selector.ts';
import type { DecidedOutcome } from './outcome.ts';
import type { Platform } from './platform.ts';
import { platformOf } from './platform.ts';
import type { PodView } from './pod.ts';
import type { Wishes } from './pod-annotations.ts';
import { readPin, readWishes } from './pod-annotations.ts';
import type { DecisionSettings } from './settings.ts';
import { compareCodeUnits } from './text-order.ts';
import type { Warning } from './warnings.ts';
import { formatWarnings, stateOf } from './warnings.ts';

/** Everything a decision depends on besides the pod; the same context and pod give the same decision everywhere. */
export interface DecisionContext {
  readonly cluster: ClusterView;
  readonly settings: DecisionSettings;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** The namespace this program runs in, if any (spec G3). */
  readonly ownNamespace: string | undefined;
}

/** What happens to a pod, and the reason. */
export type Decision = SkipDecision | HandledDecision;

/** The pod is none of ours (spec G7). */
export interface SkipDecision {
  readonly kind: 'skip';
  readonly outcome: 'Skipped';
  readonly reason: SkipReason;
}

/** The pod was handled: it is changed, or refused. */
export interface HandledDecision {
  readonly kind: 'mutate' | 'deny';
  readonly outcome: DecidedOutcome;
  /** The pod's maps after this decision, whole; for a denial they are the pod's own. */
  readonly annotations: StringMap;
  readonly labels: StringMap;
  /** What to tell a user who is refused; empty otherwise. */
  readonly message: string;
  /** Ready to send (spec A3). */
  readonly warnings: readonly string[];
  /** Ready to send (spec A3): empty where the API server would only keep an older value. */
  readonly auditAnnotations: Readonly<Record<string, string>>;
  readonly because: Because;
}

/** The facts a handled decision stands on. */
export interface Because {
  /** Rules that matched, in order. */
  readonly rules: readonly ProfileRule[];
  /** The pod as it was decided on: without former additions, with the effects of the rules. */
  readonly pod: PodView;
  readonly images: PodImages;
  readonly platform: Platform;
  readonly wishes: Wishes;
  /** The pinned cache, or the first by spec M4. */
  readonly cache: ImageCache | undefined;
  /** The first candidate by spec M4; only where ranking ran and found one. */
  readonly best: RankedCache | undefined;
  /** The id we pin, or would pin in mode `observe`. */
  readonly injectedPin: string | undefined;
  /** A new ImageCache for exactly these images would help (spec M9). */
  readonly cacheWanted: boolean;
}

/** Invalid references are named up to this many characters (spec A2). */
const NAMED_CHARACTERS = 256;

/** A denial needs news of the ImageCaches this recent (spec M1). */
const DENY_MAX_AGE_MS = 120_000;

/**
 * Decides what happens to a pod that is being created (spec sections 2 to 5). Pure: no clock, no I/O, no randomness.
 *
 * @param namespace - the namespace of the review (spec G2).
 */
export function decide(pod: PodView, namespace: string, context: DecisionContext): Decision {
  const { cluster, settings, nowMs, ownNamespace } = context;
  if (settings.mode === 'off') return { kind: 'skip', outcome: 'Skipped', reason: 'Off' };

  const original = withoutFormerAdditions(pod, cluster);
  const namespaceLabels = cluster.namespaces.get(namespace);
  const gate = passGate(original, cluster.profile, {
    namespace,
    namespaceLabels,
    ownNamespace,
    podScope: settings.podScope,
  });
  if (!gate.open) return { kind: 'skip', outcome: 'Skipped', reason: gate.reason };

  const effects = applyEffects(original, gate.rules, cluster, nowMs);
  const effective: PodView = { ...original, annotations: effects.annotations, labels: effects.labels };
  const wishes = readWishes(effects.annotations);
  const images = podImagesOf(effective);
  const platform = platformOf(effective);
  const choice = choose({ pod: effective, namespace, wishes, images, platform }, context);

  const warnings = [
    ...choice.warnings.filter(({ kind }) => kind === 'pin-not-ready' || kind === 'pin-unknown'),
    ...effects.leftOut,
    ...wishes.illegal.map((illegal): Warning => ({ kind: 'illegal-value', illegal })),
    ...choice.warnings.filter(({ kind }) => kind !== 'pin-not-ready' && kind !== 'pin-unknown'),
  ];
  const because: Because = {
    rules: gate.rules,
    pod: effective,
    images,
    platform,
    wishes,
    cache: choice.cache,
    best: choice.best,
    injectedPin: choice.pin,
    cacheWanted: choice.cacheWanted,
  };
  const ruleNames = gate.rules.map(({ name }) => name);
  const audit = auditAnnotations(choice.outcome, choice.cache?.name, ruleNames);
  const formerly = formerAudit(pod.annotations);
  const shared = {
    outcome: choice.outcome,
    // On a re-invocation the API server keeps what it was told first (spec A3).
    auditAnnotations: formerly === undefined || isSameAudit(formerly, audit) ? audit : {},
    warnings: settings.warnings === 'on' ? formatWarnings(warnings) : [],
    because,
  };

  const denial = denialOf(choice, original, namespaceLabels, context);
  if (denial !== undefined) {
    return { kind: 'deny', ...shared, annotations: pod.annotations, labels: pod.labels, message: denial };
  }
  const written =
    settings.mode === 'observe'
      ? observed(original, choice, ruleNames)
      : enforced(original, effects, choice, ruleNames);
  return { kind: 'mutate', ...shared, ...written, message: '' };
}

/** The pod as its author left it: without what a former review of ours added and nobody changed since (spec M11). */
export function withoutFormerAdditions(pod: PodView, cluster: ClusterView): PodView {
  const former = formerAdditions(pod.annotations, cluster.profile);
  if (former.annotations.size === 0 && former.labels.size === 0) return pod;
  return {
    ...pod,
    annotations: subtract(pod.annotations, former.annotations),
    labels: subtract(pod.labels, former.labels),
  };
}

function subtract(map: StringMap, additions: StringMap): StringMap {
  const rest = new Map(map);
  for (const [key, value] of additions) if (rest.get(key) === value) rest.delete(key);
  return rest;
}

interface Effects extends Additions {
  /** Of the additions, what the rules added (not the whole maps). */
  readonly added: Additions;
  readonly leftOut: readonly Warning[];
}

/**
 * The pod's maps with the effects of its rules (spec P3, P4): in order, never over a key that is there. An empty pin is
 * no pin, so a rule may fill it.
 */
function applyEffects(pod: PodView, rules: readonly ProfileRule[], cluster: ClusterView, nowMs: number): Effects {
  if (rules.length === 0)
    return { annotations: pod.annotations, labels: pod.labels, added: NOTHING_ADDED, leftOut: [] };
  const added = { annotations: new Map<string, string>(), labels: new Map<string, string>() };
  const leftOut: Warning[] = [];
  const hasPin = readPin(pod.annotations) !== undefined;
  const isFree = (key: string): boolean =>
    !added.annotations.has(key) && (!pod.annotations.has(key) || (key === PIN_KEY && !hasPin));
  for (const rule of rules) {
    for (const [key, value] of rule.effect.annotations) {
      const isPin = key === PIN_KEY || key === LEGACY_PIN_KEY;
      if (!isFree(key) || (isPin && value === '')) continue;
      const pinned = isPin ? cluster.imageCaches.pinned(value, nowMs) : undefined;
      if (pinned !== undefined && !pinned.working) {
        leftOut.push({ kind: 'rule-pin-left-out', rule: rule.name, cache: pinned.cache });
      } else {
        added.annotations.set(key, value);
      }
    }
    for (const [key, value] of rule.effect.labels) {
      if (!pod.labels.has(key) && !added.labels.has(key)) added.labels.set(key, value);
    }
  }
  return {
    annotations: added.annotations.size === 0 ? pod.annotations : new Map([...pod.annotations, ...added.annotations]),
    labels: added.labels.size === 0 ? pod.labels : new Map([...pod.labels, ...added.labels]),
    added,
    leftOut,
  };
}

const NOTHING_ADDED: Additions = { annotations: new Map(), labels: new Map() };

interface Subject {
  readonly pod: PodView;
  readonly namespace: string;
  readonly wishes: Wishes;
  readonly images: PodImages;
  readonly platform: Platform;
}

/** What section 5 chose, before anything is written. */
interface Choice {
  readonly outcome: DecidedOutcome;
  readonly cache: ImageCache | undefined;
  readonly best: RankedCache | undefined;
  /** A pin to inject. */
  readonly pin: string | undefined;
  /** Leave the pod to ECI's automatic mode (spec M8). */
  readonly automatic: boolean;
  readonly coverage: DecisionRecord['coverage'];
  readonly cacheWanted: boolean;
  readonly warnings: readonly Warning[];
}

function choose(subject: Subject, context: DecisionContext): Choice {
  const { wishes } = subject;
  if (wishes.pin !== undefined) return choosePinned(wishes.pin.id, wishes, context);
  if (!wishes.auto) {
    return { ...NOTHING_CHOSEN, outcome: 'AutoDisabled', warnings: ignoredRestrictions(wishes, 'auto-off') };
  }
  return chooseBest(subject, context);
}

const NOTHING_CHOSEN = {
  cache: undefined,
  best: undefined,
  pin: undefined,
  automatic: false,
  coverage: undefined,
  cacheWanted: false,
} as const;

/** A pin beats automatic mode and is never changed (spec M1). */
function choosePinned(id: string, wishes: Wishes, { cluster, nowMs }: DecisionContext): Choice {
  const ignored = ignoredRestrictions(wishes, 'pin');
  const pinned = cluster.imageCaches.pinned(id, nowMs);
  if (pinned === undefined) {
    const warning: Warning = { kind: 'pin-unknown', pin: id, namesake: cluster.imageCaches.get(id) };
    return { ...NOTHING_CHOSEN, outcome: 'PinUnknown', warnings: [warning, ...ignored] };
  }
  const { cache, working } = pinned;
  if (working) return { ...NOTHING_CHOSEN, outcome: 'Pinned', cache, warnings: ignored };
  const warning: Warning = { kind: 'pin-not-ready', id, cache, expired: cache.phase === 'Ready' };
  return { ...NOTHING_CHOSEN, outcome: 'PinNotReady', cache, warnings: [warning, ...ignored] };
}

/** Automatic mode: rank, restrict, and pin or delegate (spec M3 to M9). */
function chooseBest({ pod, namespace, wishes, images, platform }: Subject, context: DecisionContext): Choice {
  const { cluster, settings, nowMs } = context;
  const best = cluster.imageCaches.best({
    images,
    platform,
    namespace,
    aliases: settings.registryAliases,
    usableUntilMs: nowMs + settings.expiryMarginMs,
  });
  const exact = best?.exact ?? 0;
  const isComplete = best !== undefined && exact === images.count;
  const outcome = rankedOutcome(exact, isComplete, wishes);
  const isPinned = outcome === 'CompleteMatch' || (outcome === 'PartialMatch' && pinsPartialMatch(settings, wishes));
  return {
    outcome,
    cache: best?.cache,
    best,
    pin: isPinned ? best?.cache.id : undefined,
    automatic: !isPinned,
    coverage: { exact, images: images.count, missing: missingImages(images, best) },
    cacheWanted: !isComplete && images.count > 0,
    warnings: imageWarnings(pod, images, outcome, best, settings.mutableTags),
  };
}

function rankedOutcome(exact: number, isComplete: boolean, wishes: Wishes): DecidedOutcome {
  if (wishes.perfectMatch) return isComplete ? 'CompleteMatch' : 'PerfectMatchUnsatisfied';
  if (wishes.matchCount !== undefined && exact < wishes.matchCount) return 'MatchCountUnsatisfied';
  if (isComplete) return 'CompleteMatch';
  return exact === 0 ? 'NoMatch' : 'PartialMatch';
}

/** Spec M7. That a count request stands here means it is satisfied. */
function pinsPartialMatch(settings: DecisionSettings, wishes: Wishes): boolean {
  if (settings.partialMatch !== 'auto') return settings.partialMatch === 'pin';
  return settings.controllerDriver !== 'external' || wishes.matchCount !== undefined;
}

/** What the first cache does not hold exactly, as the decision names it (spec A2). */
function missingImages(images: PodImages, best: RankedCache | undefined): readonly string[] {
  const missing = images.valid.filter(({ key }) => best?.exactKeys.has(key) !== true).map(({ key }) => key);
  if (images.invalid.length === 0) return missing;
  return [...missing, ...images.invalid.map((text) => text.slice(0, NAMED_CHARACTERS))].toSorted(compareCodeUnits);
}

/** Warnings about tags and pull policies (spec A3). */
function imageWarnings(
  pod: PodView,
  images: PodImages,
  outcome: DecidedOutcome,
  best: RankedCache | undefined,
  mutableTags: readonly string[],
): Warning[] {
  const warnings: Warning[] = [];
  const moving = images.valid
    .filter((image) => hasMutableTag(image, mutableTags) && best?.exactKeys.has(image.key) !== true)
    .map(({ key }) => key);
  if (moving.length > 0) warnings.push({ kind: 'mutable-tag', images: moving });
  if (best === undefined || (outcome !== 'CompleteMatch' && outcome !== 'PartialMatch')) return warnings;
  const pulled = pod.containers
    .filter(({ imagePullPolicy }) => imagePullPolicy === 'Always')
    .map(({ image }) => parseImageReference(image))
    .filter(isValidReference)
    .map(({ key }) => key)
    .filter((key) => best.exactKeys.has(key));
  const always = [...new Set(pulled)].toSorted(compareCodeUnits);
  if (always.length > 0) warnings.push({ kind: 'pull-always', images: always });
  return warnings;
}

function ignoredRestrictions(wishes: Wishes, because: 'pin' | 'auto-off'): Warning[] {
  return wishes.restrictions.length === 0 ? [] : [{ kind: 'ignored-keys', keys: wishes.restrictions, because }];
}

/** The message of a refusal, if every condition of spec M1's `deny` holds. */
function denialOf(
  choice: Choice,
  original: PodView,
  namespaceLabels: StringMap | undefined,
  { cluster, settings }: DecisionContext,
): string | undefined {
  if (choice.outcome !== 'PinNotReady' || choice.cache === undefined) return undefined;
  if (settings.unreadyPin !== 'deny' || settings.mode !== 'enforce') return undefined;
  const pin = readPin(original.annotations);
  if (pin === undefined || !cluster.imageCaches.nonePhaseReady(pin.id)) return undefined;
  if (cluster.imageCachesAgeMs > DENY_MAX_AGE_MS || !isBoundToEci(original, namespaceLabels)) return undefined;
  return (
    `annotation ${pin.key} pins ImageCache ${choice.cache.name} (${pin.id}), which is ${stateOf(choice.cache, false)}: ` +
    'ECI fails a pod whose pinned cache is not Ready. Wait until it is Ready, pin another cache, ' +
    'or remove the annotation to let the best Ready cache be chosen.'
  );
}

interface WrittenMaps {
  readonly annotations: StringMap;
  readonly labels: StringMap;
}

/** Mode `enforce`: effects, a pin or automatic mode, and the decision. */
function enforced(original: PodView, effects: Effects, choice: Choice, rules: readonly string[]): WrittenMaps {
  const added = { annotations: new Map(effects.added.annotations), labels: effects.added.labels };
  if (choice.pin !== undefined) added.annotations.set(PIN_KEY, choice.pin);
  const { annotations } = effects;
  if (choice.automatic && !annotations.has(AUTO_KEY) && !annotations.has(LEGACY_AUTO_KEY)) {
    added.annotations.set(AUTO_KEY, 'true');
  }
  const record: DecisionRecord = {
    outcome: choice.outcome,
    cache: choice.cache?.name,
    id: choice.pin,
    coverage: choice.coverage,
    rules,
    added,
  };
  const written = new Map(original.annotations);
  for (const [key, value] of added.annotations) written.set(key, value);
  written.set(DECISION_KEY, encodeDecisionRecord(record));
  return { annotations: written, labels: effects.labels };
}

/** Mode `observe`: only the decision, which tells what would be pinned (spec M12). */
function observed(original: PodView, choice: Choice, rules: readonly string[]): WrittenMaps {
  const record: DecisionRecord = {
    outcome: choice.outcome,
    cache: choice.cache?.name,
    would: choice.pin,
    coverage: choice.coverage,
    rules,
    added: NOTHING_ADDED,
  };
  const written = new Map(original.annotations).set(DECISION_KEY, encodeDecisionRecord(record));
  return { annotations: written, labels: original.labels };
}

function isSameAudit(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  return a['outcome'] === b['outcome'] && a['cache'] === b['cache'] && a['rules'] === b['rules'];
}
