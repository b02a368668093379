import { compareCodeUnits } from '../core/text-order.ts';
import type { Severity } from './finding-definition.ts';
import type { FindingCode } from './findings.ts';
import { FINDINGS } from './findings.ts';
import type { Place, Subject } from './subject.ts';

/** Something wrong or suspicious; its shape is what `imc lint -o json` promises. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  /** `Deployment/web`; absent where a finding is about a file. */
  readonly object?: string;
  readonly namespace?: string;
  /** One sentence. */
  readonly message: string;
  /** What to do. */
  readonly remedy: string;
}

/** Collects findings; what is said of one place twice, as where an anchor is repeated, counts once. */
export class FindingReport {
  readonly #findings = new Map<string, Finding>();
  readonly #refused = new Set<Subject>();

  /** @param remedy - where it says more than the remedy of all findings of this code. */
  add(code: FindingCode, place: Place, message: string, remedy: string = FINDINGS[code].remedy): void {
    const { file, line, column, subject } = place;
    const { severity } = FINDINGS[code];
    const key = [code, line, column, file, message].join(' ');
    if (this.#findings.has(key)) return;
    this.#findings.set(key, {
      code,
      severity,
      file,
      ...(line === undefined ? {} : { line }),
      ...(column === undefined ? {} : { column }),
      ...(subject === undefined ? {} : { object: subject.title }),
      ...(subject === undefined || subject.namespace === '' ? {} : { namespace: subject.namespace }),
      message,
      remedy,
    });
    if (severity === 'error' && subject !== undefined) this.#refused.add(subject);
  }

  /** Whether something is known to be wrong with an object. */
  hasErrors(subject: Subject): boolean {
    return this.#refused.has(subject);
  }

  /** All findings by file, line and column. */
  findings(): readonly Finding[] {
    return [...this.#findings.values()].toSorted(
      (a, b) =>
        compareCodeUnits(a.file, b.file) ||
        (a.line ?? 0) - (b.line ?? 0) ||
        (a.column ?? 0) - (b.column ?? 0) ||
        compareCodeUnits(a.code, b.code),
    );
  }
}
