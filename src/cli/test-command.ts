import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Commands } from '../composition/commands.ts';
import type { CaseFile, CaseSuite } from '../testing/case-file.ts';
import { readCaseFile } from '../testing/case-file.ts';
import type { CaseProblem } from '../testing/case-problem.ts';
import { formatProblem, problemOf } from '../testing/case-problem.ts';
import type { CaseResult } from '../testing/case-runner.ts';
import { CaseRunner } from '../testing/case-runner.ts';
import { CoverageCollector } from '../testing/coverage.ts';
import { junitXml } from '../testing/junit.ts';
import type { ManifestObject } from '../wire/manifests.ts';
import { toYaml } from '../wire/yaml-text.ts';
import { caseFilesIn } from './case-paths.ts';
import type { ExitCode, Options } from './command.ts';
import { outputOption, textOption } from './command.ts';
import { unwritable } from './file-problem.ts';
import { readManifests } from './manifest-files.ts';
import { ProgressLine } from './progress-line.ts';
import { paint } from './table.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './terminal.ts';
import type { TestRun } from './test-report.ts';
import { caseText, countsOf, countsText, coverageText, fullName, testRunData } from './test-report.ts';
import { updateFiles } from './test-update.ts';
import type { WatchedRun } from './test-watch.ts';
import { watch } from './test-watch.ts';

/** `imc test`: declarative admission cases (spec section 8). */
export function testCommand(commands: Commands, terminal: Terminal, done: (code: ExitCode) => void): Command {
  return new Command('test')
    .summary('run admission cases and compare what comes of them')
    .description(
      'Runs the cases of files called *.imctest.yaml: pods, a cluster in files, and what must become of the pods. The ' +
        'engine is that of the webhook. A case passes only if everything it expects holds; what it expects must exist. ' +
        'Environment variables and settings files that a case does not name have no effect. How to write a case: ' +
        'docs/testing.md.',
    )
    .argument('<path...>', 'case files, or folders with files called *.imctest.yaml')
    .addOption(outputOption(['table', 'json', 'yaml']))
    .addOption(new Option('--run <regex>', 'only cases whose name, "suite / case", matches').argParser(regex))
    .option('--fail-fast', 'stop after the first case that does not pass')
    .option('--explain', 'below each failed case, the whole ranking as imc explain shows it')
    .option('--coverage', 'tell which outcomes and which eci-profile rules no case exercises')
    .option('--update', 'write what comes of the cases today into the case files, and show what changes')
    .option('--watch', 'run again whenever a case file, or a file that one names, changes')
    .option('--junit <file>', 'write the results as JUnit XML, too')
    .addHelpText(
      'after',
      `
Examples:
  imc test examples/tests
  imc test examples/tests --run 'pins' --explain
  imc test examples/tests --coverage --junit results.xml
  imc test examples/tests --update --run 'matching /'
  imc test examples/tests --watch
  imc test examples/tests -o json | jq '.cases[] | select(.status != "passed")'

Exit code: 0 all cases pass, 1 some case fails, 2 bad usage, or a case file that cannot be used.`,
    )
    .action(async (paths: string[], options: Options) => done(await test(paths, options, commands, terminal)));
}

function regex(text: string): RegExp {
  try {
    return new RegExp(text, 'u');
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? `${error.message}.` : 'Expected a regular expression.');
  }
}

async function test(
  paths: readonly string[],
  options: Options,
  commands: Commands,
  terminal: Terminal,
): Promise<ExitCode> {
  if (options['watch'] !== true) return (await runOnce(paths, options, commands, terminal)).code;
  for (const other of ['update', 'junit']) {
    if (options[other] !== undefined) throw new UsageError(`--watch and --${other} exclude each other`);
  }
  if (textOption(options, 'output') !== 'table') throw new UsageError('--watch prints tables only; leave -o out');
  return watch(paths, () => runWatched(paths, options, commands, terminal), terminal);
}

/** A run that tells what a user can mend instead of ending the program. */
async function runWatched(...run: Parameters<typeof runOnce>): Promise<WatchedRun> {
  try {
    return await runOnce(...run);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const [paths, , , terminal] = run;
    terminal.err(`${paint('Error:', 'red', terminal.colour.err)} ${error.message}\n`);
    return { code: 2, paths };
  }
}

async function runOnce(
  paths: readonly string[],
  options: Options,
  commands: Commands,
  terminal: Terminal,
): Promise<WatchedRun> {
  const output = textOption(options, 'output');
  const files = await caseFilesIn(paths);
  if (options['update'] === true) {
    const unseen = { ...terminal, err: () => undefined, interactive: false }; // the run after it tells all problems
    const before = await new TestSession({ run: options['run'] }, commands, unseen).run(files, { recording: true });
    await updateFiles(before, terminal);
  }
  const session = new TestSession(options, commands, terminal);
  const run = await session.run(files, { shown: output === 'table' });
  if (output === 'json') terminal.out(`${JSON.stringify(testRunData(run), null, 2)}\n`);
  else if (output === 'yaml') terminal.out(toYaml(testRunData(run)));
  else terminal.out(summary(run, terminal));
  await writeJunit(textOption(options, 'junit'), run);
  return { code: exitCodeOf(run), paths: session.paths };
}

/** One run over some case files: each file that they name is read once. */
class TestSession {
  readonly #options: Options;
  readonly #terminal: Terminal;
  readonly #commands: Commands;
  readonly #read = new Map<string, Promise<readonly ManifestObject[]>>();
  readonly #settingsFiles = new Set<string>();
  readonly #progress: ProgressLine;

  constructor(options: Options, commands: Commands, terminal: Terminal) {
    this.#options = options;
    this.#commands = commands;
    this.#terminal = terminal;
    this.#progress = new ProgressLine(terminal);
  }

  /** Every file and folder that was looked at. */
  get paths(): readonly string[] {
    return [...this.#read.keys(), ...this.#settingsFiles];
  }

  /**
   * @param shown - cases are printed as they end.
   * @param recording - cases may expect nothing: what comes of them is to be written down.
   */
  async run(
    files: readonly string[],
    { shown = false, recording = false }: { readonly shown?: boolean; readonly recording?: boolean },
  ): Promise<TestRun> {
    const { suites, problems: unusable } = await this.#readCaseFiles(files, recording);
    const problems = [...unusable];
    for (const problem of unusable) this.#complain(problem);
    const plan = suites.map((suite) => ({ suite, indexes: this.#wantedOf(suite) }));
    const total = suites.reduce((sum, { cases }) => sum + cases.length, 0);
    const wanted = plan.reduce((sum, { indexes }) => sum + indexes.length, 0);
    if (wanted === 0 && problems.length === 0) {
      throw new UsageError(`--run matches none of the ${total} cases; it is compared with "suite / case"`);
    }
    const runner = new CaseRunner({
      openEngine: (request) => this.#commands.openOffline(request),
      readObjects: this.#readObjects,
      nowMs: Date.now(),
    });
    const coverage = new CoverageCollector();
    const results: CaseResult[] = [];
    for (const { suite, indexes } of plan) {
      const faults = indexes.length === 0 ? [] : await runner.prepare(suite);
      for (const fault of faults) this.#complain(fault);
      problems.push(...faults);
      for (const index of faults.length > 0 ? [] : indexes) {
        if (this.#isOver(results)) break;
        const result = await runner.run(suite, index);
        results.push(result);
        coverage.add(result);
        if (shown) this.#show(result);
        this.#progress.show(`${results.length} of ${wanted} cases`);
      }
    }
    this.#progress.clear();
    return {
      results,
      problems,
      notRun: total - results.length,
      coverage: this.#options['coverage'] === true ? coverage.result() : undefined,
    };
  }

  /** The cases of a document that --run asks for. */
  #wantedOf(suite: CaseSuite): number[] {
    const run = this.#options['run'];
    return suite.cases.flatMap((each, i) =>
      !(run instanceof RegExp) || run.test(fullName({ suite, case: each })) ? [i] : [],
    );
  }

  #isOver(results: readonly CaseResult[]): boolean {
    const last = results.at(-1);
    return this.#options['failFast'] === true && last !== undefined && last.status !== 'passed';
  }

  async #readCaseFiles(files: readonly string[], recording: boolean): Promise<CaseFile> {
    const suites: CaseSuite[] = [];
    const problems: CaseProblem[] = [];
    for (const [i, file] of files.entries()) {
      this.#progress.show(`reading ${i + 1} of ${files.length} files`);
      const found = await this.#readCaseFile(file, recording);
      for (const suite of found.suites) suites.push(suite);
      for (const { settingsFile } of found.suites)
        if (settingsFile !== undefined) this.#settingsFiles.add(settingsFile);
      for (const problem of found.problems) problems.push(problem);
    }
    this.#progress.clear();
    return { suites, problems };
  }

  async #readCaseFile(file: string, recording: boolean): Promise<CaseFile> {
    try {
      return readCaseFile(file, await this.#readObjects(file), { mayExpectNothing: recording });
    } catch (error) {
      if (error instanceof UsageError) return { suites: [], problems: [usageProblem(file, error)] };
      return { suites: [], problems: [problemOf(error, file)] };
    }
  }

  readonly #readObjects = (path: string): Promise<readonly ManifestObject[]> => {
    const known = this.#read.get(path);
    if (known !== undefined) return known;
    // A file of this name is meant, not standard input.
    const objects = readManifests([path === '-' ? './-' : path], this.#terminal);
    this.#read.set(path, objects);
    return objects;
  };

  #show(result: CaseResult): void {
    this.#progress.clear();
    const explain = this.#options['explain'] === true;
    this.#terminal.out(caseText(result, { colour: this.#terminal.colour.out, explain }));
  }

  #complain(problem: CaseProblem): void {
    this.#progress.clear();
    this.#terminal.err(`${paint('Error:', 'red', this.#terminal.colour.err)} ${formatProblem(problem)}\n`);
  }
}

/** A file that cannot be read. The message of the error begins with its name. */
function usageProblem(file: string, { message }: UsageError): CaseProblem {
  return { file, field: '', problem: message.startsWith(`${file}: `) ? message.slice(file.length + 2) : message };
}

function summary(run: TestRun, { colour }: Terminal): string {
  const counts = countsOf(run);
  const style = counts.failed + counts.errors === 0 ? 'green' : 'red';
  const coverage = run.coverage === undefined ? '' : coverageText(run.coverage);
  return `${coverage}${paint(countsText(counts), style, colour.out)}\n`;
}

async function writeJunit(file: string | undefined, { results, problems }: TestRun): Promise<void> {
  if (file === undefined) return;
  try {
    await writeFile(file, junitXml(results, problems));
  } catch (cause) {
    throw unwritable(file, cause);
  }
}

function exitCodeOf(run: TestRun): ExitCode {
  const { failed, errors } = countsOf(run);
  if (errors > 0) return 2;
  return failed > 0 ? 1 : 0;
}
