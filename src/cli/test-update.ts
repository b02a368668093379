import { readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { expectsNothing } from '../testing/case-file.ts';
import type { CaseFileUpdate } from '../testing/case-file-update.ts';
import { updateCaseFile } from '../testing/case-file-update.ts';
import { formatProblem } from '../testing/case-problem.ts';
import type { CaseResult } from '../testing/case-runner.ts';
import { unwritable } from './file-problem.ts';
import { paint } from './table.ts';
import type { Terminal } from './terminal.ts';
import type { TestRun } from './test-report.ts';
import { fullName } from './test-report.ts';

const BYTE_ORDER_MARK = '\uFEFF';

/**
 * Writes what came of a run into its case files (`imc test --update`) and shows the lines that change. A file with
 * anything that cannot be used is left as it is.
 *
 * @throws UsageError when a file cannot be written.
 */
export async function updateFiles({ results, problems }: TestRun, terminal: Terminal): Promise<void> {
  const files = new Map<string, CaseResult[]>();
  for (const result of results) {
    const { file } = result.suite.origin;
    files.set(file, [...(files.get(file) ?? []), result]);
  }
  for (const [file, found] of files) {
    if (found.some(({ status }) => status === 'error') || problems.some((problem) => problem.file === file)) {
      terminal.err(`Note: ${file} is left as it is, for something in it cannot be used.\n`);
      // The run that follows asks no case without expectations, and so does not tell these.
      const untold = found.filter((result) => expectsNothing(result.case.expect)).flatMap((result) => result.problems);
      for (const problem of untold) terminal.err(`  ${formatProblem(problem)}\n`);
      continue;
    }
    const update = await updateFile(file, found);
    terminal.out(updateText(update, terminal.colour.out));
    for (const { result, why } of update.left) {
      terminal.err(`Note: ${file}: ${fullName(result)} has to be changed by hand: ${why}.\n`);
    }
  }
}

async function updateFile(file: string, results: readonly CaseResult[]): Promise<CaseFileUpdate> {
  try {
    const whole = await readFile(file, 'utf8');
    const mark = whole.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK : '';
    const update = updateCaseFile(whole.slice(mark.length), results);
    if (update.updates.length > 0) await replace(file, mark + update.text);
    return update;
  } catch (cause) {
    throw unwritable(file, cause);
  }
}

/** Written beside and renamed, so that a run that is cut short leaves the old file or the new one. */
async function replace(file: string, text: string): Promise<void> {
  const target = await realpath(file);
  const { mode } = await stat(target);
  const beside = `${target}.new`;
  await rm(beside, { force: true });
  await writeFile(beside, text, { mode, flag: 'wx' });
  await rename(beside, target);
}

function updateText({ updates }: CaseFileUpdate, colour: boolean): string {
  return updates
    .map(({ result, before, after }) => {
      const { origin } = result.suite;
      const line = origin.position(['cases', result.index])?.line ?? 1;
      return [
        `${paint('UPDATED', 'yellow', colour)} ${paint(`${origin.file}:${line}`, 'dim', colour)}  ${fullName(result)}\n`,
        ...before.map((text) => `      ${paint(`-${text}`, 'red', colour)}\n`),
        ...after.map((text) => `      ${paint(`+${text}`, 'green', colour)}\n`),
      ].join('');
    })
    .join('');
}
