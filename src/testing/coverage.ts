import { OUTCOMES } from '../core/outcome.ts';
import { compareCodeUnits } from '../core/text-order.ts';
import type { CaseResult } from './case-runner.ts';

/** What the cases that were asked have exercised, and what not. */
export interface Coverage {
  readonly outcomes: Exercised;
  /** For each file with an eci-profile that some case was asked with. */
  readonly profiles: readonly ProfileCoverage[];
}

/** Names that some case brought about, and those that none did. */
export interface Exercised {
  readonly exercised: readonly string[];
  readonly missed: readonly string[];
}

export interface ProfileCoverage extends Exercised {
  readonly file: string;
}

/** These never come of a case that can be written: files are always read, nothing is late, and an error is ours. */
const OUT_OF_REACH: ReadonlySet<string> = new Set(['NotSynced', 'Late', 'Error']);

/** Collects what cases exercise. */
export class CoverageCollector {
  readonly #outcomes = new Set<string>();
  /** By file: each rule, and whether some case brought it about. */
  readonly #profiles = new Map<string, Map<string, boolean>>();

  add({ answered }: CaseResult): void {
    if (answered === undefined) return;
    this.#outcomes.add(answered.outcome.outcome);
    if (answered.profileFile === undefined) return;
    const rules = this.#profiles.get(answered.profileFile) ?? new Map<string, boolean>();
    this.#profiles.set(answered.profileFile, rules);
    for (const { name } of answered.cluster.profile.rules) if (!rules.has(name)) rules.set(name, false);
    for (const rule of answered.outcome.rules) rules.set(rule, true);
  }

  result(): Coverage {
    const reachable = OUTCOMES.filter((outcome) => !OUT_OF_REACH.has(outcome));
    return {
      outcomes: split(reachable.map((outcome) => [outcome, this.#outcomes.has(outcome)])),
      profiles: [...this.#profiles]
        .map(([file, rules]) => ({ file, ...split([...rules]) }))
        .toSorted((a, b) => compareCodeUnits(a.file, b.file)),
    };
  }
}

function split(names: readonly (readonly [string, boolean])[]): Exercised {
  return {
    exercised: names.filter(([, isExercised]) => isExercised).map(([name]) => name),
    missed: names.filter(([, isExercised]) => !isExercised).map(([name]) => name),
  };
}
