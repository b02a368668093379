import type { FindingDefinition } from './finding-definition.ts';
import { IMAGE_CACHE_FINDINGS } from './image-cache-findings.ts';
import { MANIFEST_FINDINGS } from './manifest-findings.ts';
import { ANNOTATION_FINDINGS, COVERAGE_FINDINGS } from './pod-findings.ts';
import { PROFILE_FINDINGS } from './profile-findings.ts';

/** Findings that belong together, with a heading for people. */
const GROUPS = {
  'Files and objects': MANIFEST_FINDINGS,
  'The eci-profile': PROFILE_FINDINGS,
  ImageCaches: IMAGE_CACHE_FINDINGS,
  'Annotations of pods and in rules': ANNOTATION_FINDINGS,
  'Images of workloads': COVERAGE_FINDINGS,
} as const;

const ALL = {
  ...MANIFEST_FINDINGS,
  ...PROFILE_FINDINGS,
  ...IMAGE_CACHE_FINDINGS,
  ...ANNOTATION_FINDINGS,
  ...COVERAGE_FINDINGS,
};

/** The stable name of a kind of finding. */
export type FindingCode = keyof typeof ALL;

/** Every kind of finding there is: the linter, `--explain` and docs/lint.md read the same table. */
export const FINDINGS: Readonly<Record<FindingCode, FindingDefinition>> = ALL;

/** All codes in order. */
export const FINDING_CODES: readonly FindingCode[] = (Object.keys(ALL) as FindingCode[]).toSorted(); // its own keys

/** The codes by the heading of their group, in order. */
export const FINDING_GROUPS: readonly { readonly heading: string; readonly codes: readonly FindingCode[] }[] =
  Object.entries(GROUPS).map(([heading, group]) => ({ heading, codes: Object.keys(group) as FindingCode[] })); // likewise

/** Whether a text is the code of a finding. */
export function isFindingCode(text: string): text is FindingCode {
  return Object.hasOwn(FINDINGS, text);
}
