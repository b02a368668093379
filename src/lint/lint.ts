import type { HandledDecision } from '../core/decision.ts';
import type { DecisionSettings } from '../core/settings.ts';
import type { Position } from '../wire/manifest-error.ts';
import type { ManifestObject } from '../wire/manifests.ts';
import type { Finding } from './finding-report.ts';
import { FindingReport } from './finding-report.ts';
import { gatherCluster } from './known-cluster.ts';
import { lintImageCache } from './lint-image-cache.ts';
import { lintInventory } from './lint-inventory.ts';
import { lintDuplicates, lintManifest } from './lint-manifest.ts';
import { lintPlacement } from './lint-placement.ts';
import { lintProfile } from './lint-profile.ts';
import { lintSpelling } from './lint-spelling.ts';
import { lintWorkload } from './lint-workload.ts';
import type { Subject } from './subject.ts';
import { subjectOf } from './subject.ts';
import { suppressionFilter } from './suppression.ts';

/** One file to lint: what it holds, or why it cannot be read. */
export type LintedFile =
  | { readonly file: string; readonly text: string; readonly objects: readonly ManifestObject[] }
  | {
      readonly file: string;
      readonly unreadable: { readonly problem: string; readonly position: Position | undefined };
    };

/** What to lint, and what to hold it against. */
export interface LintRequest {
  readonly files: readonly LintedFile[];
  /** Objects of the cluster that are not linted themselves. */
  readonly cluster: readonly ManifestObject[];
  readonly settings: DecisionSettings;
  /** The namespace of pods that name none. */
  readonly namespace: string;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/**
 * Finds what is wrong or suspicious in manifests: eci-profiles (spec P1 to P6), ImageCaches, workloads, and how they fit
 * together (spec section 8, `imc lint`). Pure. Costs about as much as reading the files, and a decision per workload.
 *
 * @returns findings by file and line, without those that comments in the files silence.
 */
export function lint({ files, cluster, settings, namespace, nowMs }: LintRequest): readonly Finding[] {
  const report = new FindingReport();
  const texts = new Map<string, string>();
  const subjects: Subject[] = [];
  for (const each of files) {
    if ('unreadable' in each) {
      const { problem, position } = each.unreadable;
      // Such errors end with what to do.
      const end = problem.lastIndexOf('; ');
      const [message, remedy] = end === -1 ? [problem] : [problem.slice(0, end), problem.slice(end + 2)];
      report.add('IMC001', { file: each.file, ...position }, message, remedy);
      continue;
    }
    texts.set(each.file, each.text);
    lintSpelling(each.file, each.text, report);
    for (const object of each.objects) subjects.push(subjectOf(object));
  }

  // What is linted goes after the rest: it is what is going to be applied.
  const known = gatherCluster([...cluster.map(subjectOf), ...subjects], nowMs);
  const decisions: HandledDecision[] = [];
  for (const subject of subjects) {
    lintManifest(subject, report);
    lintPlacement(subject, report);
    lintImageCache(subject, known, settings, report);
    lintProfile(subject, known, report);
    const decision = lintWorkload(subject, known, { settings, namespace }, report);
    if (decision !== undefined) decisions.push(decision);
  }
  lintDuplicates(subjects, report);
  const linted = new Set(subjects);
  lintInventory(known, settings, (subject) => linted.has(subject), decisions, report);

  const isShown = suppressionFilter(texts, report);
  return report.findings().filter(isShown);
}
