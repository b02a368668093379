import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { expectedAnswer, formatExpected, GOLDEN_FOLDER, goldenCases } from './golden-case.ts';

/**
 * Writes what the engine answers now into the `expected.json` of every case below a folder.
 *
 * @returns the names of the cases that changed, `(new)` after those that had no expectation yet.
 */
export function updateGoldenCases(folder: string = GOLDEN_FOLDER): string[] {
  const changed: string[] = [];
  for (const golden of goldenCases(folder)) {
    const before = existsSync(golden.expectedFile) ? readFileSync(golden.expectedFile, 'utf8') : undefined;
    const now = formatExpected(expectedAnswer(golden.answer(golden.review())));
    if (now === before) continue;
    writeFileSync(golden.expectedFile, now);
    changed.push(before === undefined ? `${golden.name} (new)` : golden.name);
  }
  return changed;
}
