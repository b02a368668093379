import type { Origin } from '../wire/manifest-error.ts';
import { formatPath, ManifestError } from '../wire/manifest-error.ts';

/** Something in a case file, or in a file it names, that cannot be used. Not a failed case: the case says nothing. */
export interface CaseProblem {
  readonly file: string;
  /** Lines and columns count from 1; absent where the file as a whole is meant. */
  readonly line?: number;
  readonly column?: number;
  /** Path of the field, such as `cases[0].expect.outcome`; empty when none is meant. */
  readonly field: string;
  /** What was expected and what to do. */
  readonly problem: string;
}

/** A problem with one field of a document. */
export function problemAt(origin: Origin, path: readonly (string | number)[], problem: string): CaseProblem {
  return { file: origin.file, ...origin.position(path), field: formatPath(path), problem };
}

/** The problem that an error about a manifest tells; other errors are none of ours and are thrown. */
export function problemOf(error: unknown, file: string): CaseProblem {
  if (!(error instanceof ManifestError)) throw error;
  const { location, field, problem } = error;
  const place = /^(.*?):(\d+):(\d+)$/s.exec(location);
  if (place === null) return { file: location || file, field, problem };
  return { file: place[1] ?? file, line: Number(place[2]), column: Number(place[3]), field, problem };
}

/** `web.imctest.yaml:12:7: cases[0].expect.outcome: expected …` */
export function formatProblem({ file, line, column, field, problem }: CaseProblem): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(':');
  return [place, field, problem].filter((part) => part !== '').join(': ');
}
