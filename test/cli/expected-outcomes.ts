import { readFileSync } from 'node:fs';

/** One row of the table in `examples/README.md`. */
export interface ExpectedOutcome {
  /** `shop/checkout` */
  readonly pod: string;
  readonly file: string;
  readonly outcome: string;
  /** For skipped pods. */
  readonly reason: string | undefined;
  readonly cache: string | undefined;
  /** `2/3` */
  readonly coverage: string | undefined;
  readonly written: 'pin' | 'pin, by the rule' | 'auto' | '-' | 'nothing';
}

/** What the examples promise their readers, row by row. */
export function expectedOutcomes(): ExpectedOutcome[] {
  const lines = readFileSync('examples/README.md', 'utf8').split('\n');
  return lines
    .filter((line) => /^\| `[\w-]+\.yaml` \|/.test(line))
    .map((line): ExpectedOutcome => {
      const [file = '', pod = '', , outcome = '', cache = '', coverage = '', written = ''] = line
        .split('|')
        .slice(1)
        .map((cell) => cell.trim());
      const [, name = outcome, reason] = /^(\w+) \((\w+)\)$/.exec(outcome) ?? [];
      return {
        pod,
        file: file.replaceAll('`', ''),
        outcome: name,
        reason,
        cache: orNothing(cache),
        coverage: orNothing(coverage),
        written: written as ExpectedOutcome['written'], // a test compares it with what is written
      };
    });
}

function orNothing(cell: string): string | undefined {
  return cell === '-' ? undefined : cell;
}
