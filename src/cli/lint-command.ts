import { Command, InvalidArgumentError, Option } from 'commander';
import type { Commands } from '../composition/commands.ts';
import { closest } from '../config/suggestion.ts';
import type { Severity } from '../lint/finding-definition.ts';
import { SEVERITIES } from '../lint/finding-definition.ts';
import type { Finding } from '../lint/finding-report.ts';
import type { FindingCode } from '../lint/findings.ts';
import { FINDING_CODES, isFindingCode } from '../lint/findings.ts';
import type { LintedFile } from '../lint/lint.ts';
import { lint } from '../lint/lint.ts';
import type { ManifestObject } from '../wire/manifests.ts';
import { toYaml } from '../wire/yaml-text.ts';
import type { ExitCode, Options } from './command.ts';
import { collect, nowOption, outputOption, settingsOf, textOption, textsOption, withSettings } from './command.ts';
import { findingDefinitionText, findingListText } from './finding-catalogue.ts';
import { sarifLog } from './finding-sarif.ts';
import { findingTable, lintSummary } from './finding-table.ts';
import type { ManifestFile } from './manifest-files.ts';
import { readEachManifest, readManifests } from './manifest-files.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './terminal.ts';

/** `imc lint`: what is wrong or suspicious in manifests (spec section 8). */
export function lintCommand(commands: Commands, terminal: Terminal, done: (code: ExitCode) => void): Command {
  const command = new Command('lint')
    .summary('find mistakes in eci-profiles, ImageCaches and workloads')
    .description(
      'Finds what is wrong or suspicious in manifests: rules of the eci-profile that are invalid, can never match or are ' +
        'shadowed, ImageCaches that cannot be built, annotations that nobody reads, pins that lead nowhere, workloads ' +
        'that no cache covers. Prints a line for each finding: place, severity, code, what is wrong, what to do.',
    )
    .option('-f, --filename <path>', 'file, folder, or - for standard input; can be repeated', collect)
    .option('-d, --dir <folder>', 'folder with more of the cluster to hold the files against; not linted itself')
    .option('-n, --namespace <name>', 'namespace of pods that name none', 'default')
    .option('--select <codes>', 'show only these codes, or all that begin so (IMC2); commas, or repeated', collect)
    .option('--ignore <codes>', 'leave these out, likewise', collect)
    .addOption(new Option('--severity <least>', 'least severity shown').choices(SEVERITIES).default('info'))
    .option('--strict', 'warnings end with exit code 1, too')
    .option('--max-warnings <n>', 'more warnings than this end with exit code 1', count)
    .addOption(outputOption(['table', 'json', 'yaml', 'sarif']))
    .option('--list', 'list all codes and exit')
    .option('--explain <code>', 'explain a code, with an example, and exit')
    .addOption(nowOption())
    .addHelpText(
      'after',
      `
A comment silences a finding, on its line or on the line above: # imc-lint: ignore IMC206
For a whole file: # imc-lint: ignore-file IMC206

Examples:
  imc lint -f examples/cluster -f examples/workloads
  imc lint -f deployment.yaml --dir examples/cluster --strict
  helm template chart | imc lint -f - --ignore IMC4
  imc lint -f manifests -o sarif > imc.sarif
  imc lint --explain IMC301

Exit code: 0 no errors, 1 errors or too many warnings, 2 bad usage or input that cannot be read.`,
    )
    .action(async (options: Options) => done(await runLint(options, commands, terminal)));
  return withSettings(command, 'lint');
}

async function runLint(options: Options, commands: Commands, terminal: Terminal): Promise<ExitCode> {
  if (options['list'] === true || options['explain'] !== undefined) return describeCodes(options, terminal);
  const paths = textsOption(options, 'filename');
  if (paths.length === 0)
    throw new UsageError('nothing to lint; name files or folders with -f, or - for standard input');
  const isWanted = codeFilter(options);
  const { config } = settingsOf(options, 'lint', terminal);
  const files = await readEachManifest(paths, terminal);
  const now = options['now'];
  const found = lint({
    files: files.map(lintedFile),
    cluster: await clusterObjects(options, terminal),
    settings: config.decision,
    namespace: textOption(options, 'namespace') ?? 'default',
    nowMs: typeof now === 'number' ? now : Date.now(),
  });
  const unreadable = files.filter((file) => 'error' in file).length;
  const objects = files.reduce((sum, file) => sum + ('error' in file ? 0 : file.objects.length), 0);
  if (unreadable === 0 && objects === 0) {
    throw new UsageError(`${paths.join(', ')}: nothing to lint, there is no object in it`);
  }
  const shown = found.filter((finding) => isShown(finding, options) && isWanted(finding.code));
  const summary = { files: files.length, objects, unreadable, ...tally(shown) };
  const output = textOption(options, 'output');
  const colour = terminal.colour.out;
  switch (output) {
    case 'json':
      terminal.out(`${JSON.stringify({ findings: shown, summary }, null, 2)}\n`);
      break;
    case 'yaml':
      terminal.out(toYaml({ findings: shown, summary }));
      break;
    case 'sarif':
      terminal.out(`${JSON.stringify(sarifLog(shown, commands.version.version, unreadable === 0), null, 2)}\n`);
      break;
    default:
      terminal.out(`${findingTable(shown, colour)}${lintSummary(summary, colour)}`);
  }
  if (unreadable > 0) return 2;
  const limit = options['strict'] === true ? 0 : Number(options['maxWarnings'] ?? Infinity);
  return summary.errors > 0 || summary.warnings > limit ? 1 : 0;
}

async function clusterObjects(options: Options, terminal: Terminal): Promise<readonly ManifestObject[]> {
  const dir = textOption(options, 'dir');
  return dir === undefined ? [] : readManifests([dir], terminal);
}

function lintedFile(file: ManifestFile): LintedFile {
  if (!('error' in file)) return file;
  const { error } = file;
  if (error instanceof UsageError) {
    const problem = error.message.startsWith(`${file.file}: `)
      ? error.message.slice(file.file.length + 2)
      : error.message;
    return { file: file.file, unreadable: { problem, position: undefined } };
  }
  return { file: file.file, unreadable: { problem: error.problem, position: error.position } };
}

/** `--list` and `--explain`. */
function describeCodes(options: Options, terminal: Terminal): ExitCode {
  const wanted = textOption(options, 'explain');
  if (textOption(options, 'output') === 'sarif') {
    throw new UsageError('-o sarif is for findings; --list and --explain print table, json and yaml');
  }
  const colour = terminal.colour.out;
  if (wanted === undefined) terminal.out(findingListText(textOption(options, 'output'), colour));
  else terminal.out(findingDefinitionText(knownCode(wanted), textOption(options, 'output'), colour));
  return 0;
}

function knownCode(text: string): FindingCode {
  const code = text.toUpperCase();
  if (isFindingCode(code)) return code;
  const meant = closest(code, FINDING_CODES);
  throw new UsageError(
    `there is no code ${text}${meant === undefined ? '' : `; did you mean ${meant}?`} (imc lint --list shows all)`,
  );
}

/** Which codes `--select` and `--ignore` leave, each a code or the beginning of some. */
function codeFilter(options: Options): (code: FindingCode) => boolean {
  const selected = codesOption(options, 'select');
  const ignored = codesOption(options, 'ignore');
  return (code) =>
    (selected.length === 0 || selected.some((start) => code.startsWith(start))) &&
    !ignored.some((start) => code.startsWith(start));
}

function codesOption(options: Options, key: 'select' | 'ignore'): readonly string[] {
  const codes = textsOption(options, key).flatMap((text) => text.split(','));
  return codes.map((text) => {
    const start = text.trim().toUpperCase();
    if (start !== '' && FINDING_CODES.some((code) => code.startsWith(start))) return start;
    return knownCode(text.trim());
  });
}

function isShown({ severity, code }: Finding, options: Options): boolean {
  const least = SEVERITIES.findIndex((each) => each === textOption(options, 'severity'));
  // What cannot be read decides the exit code; it is never passed over in silence.
  return code === 'IMC001' || SEVERITIES.indexOf(severity) <= least;
}

function tally(findings: readonly Finding[]): { errors: number; warnings: number; infos: number } {
  const count = (wanted: Severity): number => findings.filter(({ severity }) => severity === wanted).length;
  return { errors: count('error'), warnings: count('warning'), infos: count('info') };
}

function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Expected a whole number from 0.');
  return Number(text);
}
