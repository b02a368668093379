import type { FailureRecord } from '../core/creation-plan.ts';
import type { Note } from './note.ts';

/** Remembers failed attempts (spec N4), also across restarts and when the failed object is gone. */
export class FailureLedger {
  readonly #note: Note;

  constructor(note: Note) {
    this.#note = note;
  }

  /**
   * @throws what reading failed with; then nothing is retried, since nobody knows how often it was. A text that
   * somebody else wrote counts as empty: the worst that follows is one more attempt.
   */
  async load(): Promise<ReadonlyMap<string, FailureRecord>> {
    const failures = new Map<string, FailureRecord>();
    for (const [name, record] of Object.entries(parse(await this.#note.read()))) {
      if (isRecord(record)) failures.set(name, record);
    }
    return failures;
  }

  async save(failures: ReadonlyMap<string, FailureRecord>): Promise<void> {
    await this.#note.write(`${JSON.stringify(Object.fromEntries(failures))}\n`);
  }
}

function parse(text: string | undefined): object {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

function isRecord(value: unknown): value is FailureRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { failures, lastFailedAtMs } = value as Partial<Record<keyof FailureRecord, unknown>>;
  return Number.isInteger(failures) && Number(failures) > 0 && Number.isFinite(lastFailedAtMs);
}
