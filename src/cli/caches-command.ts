import { Command, InvalidArgumentError, Option } from 'commander';
import type { Commands } from '../composition/commands.ts';
import type { SuggestedCaches } from '../core/cache-suggestion.ts';
import { suggestCaches } from '../core/cache-suggestion.ts';
import { toYaml } from '../wire/yaml-text.ts';
import type { CacheRow, SortKey } from './cache-inventory.ts';
import { cacheRows, formatCacheTable, SORT_KEYS, sortCacheRows } from './cache-inventory.ts';
import type { ExitCode, Options } from './command.ts';
import { collect, nowOption, outputOption, settingsOf, textOption, textsOption, withSettings } from './command.ts';
import { reportJanitor } from './janitor-report.ts';
import { readManifests } from './manifest-files.ts';
import { openEngine } from './review-command.ts';
import { reviewablesAmong, reviewablesOf } from './review-subjects.ts';
import type { Suggested } from './suggestion-report.ts';
import {
  formatSuggestionTable,
  refusalText,
  suggestedOf,
  suggestionsAsJson,
  suggestionsAsYaml,
} from './suggestion-report.ts';
import { paint } from './table.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './terminal.ts';
import type { WorkloadCoverage } from './workload-coverage.ts';
import { coverWorkloads, formatCoverageTable, percentText } from './workload-coverage.ts';

/** `imc caches`: the inventory, what it covers, and what is missing (spec section 8). */
export function cachesCommand(commands: Commands, terminal: Terminal, done: (code: ExitCode) => void): Command {
  const command = new Command('caches')
    .summary('list ImageCaches, what they cover, and what is missing')
    .description(
      'Lists the ImageCaches as the matcher sees them: usable or why not, images, sizes, platform, who may use them, age ' +
        'and expiry. With workloads among the files: how far each is covered, by which ImageCache, which images are missing, ' +
        'and how many workloads use each ImageCache. --suggest makes ImageCaches for the gaps. --janitor tells what ' +
        'becomes of the ImageCaches that the program made, and does nothing of it. The ' +
        'cluster is the folder of --dir, the live one of --kubeconfig or --context, or what is among the files.',
    )
    .option('-f, --filename <path>', 'file, folder, or - for standard input; can be repeated', collect)
    .option('-d, --dir <folder>', 'folder with the ImageCaches, Namespaces and the eci-profile')
    .option('-n, --namespace <name>', 'namespace of pods that name none', 'default')
    .addOption(outputOption(['table', 'wide', 'json', 'yaml']))
    .addOption(new Option('--sort-by <column>', 'order of the ImageCaches').choices(SORT_KEYS).default('name'))
    .option('--suggest', 'suggest ImageCaches for what is not covered; -o yaml and -o json print only these')
    .addOption(
      new Option('--min-coverage <percent>', 'exit code 1 if fewer of the workloads are covered completely').argParser(
        parsePercent,
      ),
    )
    .option(
      '--janitor',
      'tell which ImageCaches made by the program would be retired, deleted or offered again now, why, and what is next',
    )
    .addOption(nowOption())
    .addHelpText(
      'after',
      `
Examples:
  imc caches --dir examples/cluster
  imc caches --dir examples/cluster --sort-by expiry -o wide
  imc caches --dir examples/cluster -f examples/workloads
  imc caches --dir examples/cluster -f examples/workloads --suggest -o yaml | kubectl apply -f -
  imc caches --kubeconfig ~/.kube/config
  imc caches --kubeconfig ~/.kube/config --config imc.yaml --janitor
  imc caches -f caches.yaml -f deployment.yaml --min-coverage 90%

Exit code: 0 done, 1 coverage below --min-coverage, 2 bad usage or input that cannot be read.`,
    )
    .action(async (options: Options) => {
      const list = options['janitor'] === true ? reportJanitor : listCaches;
      done(await list(options, commands, terminal));
    });
  return withSettings(command, 'caches');
}

function parsePercent(text: string): number {
  const percent = /^\d+(?:\.\d+)?%?$/.test(text) ? Number(text.replace('%', '')) : Number.NaN;
  if (!(percent <= 100)) throw new InvalidArgumentError('Expected a percentage from 0% to 100%, such as 90%.');
  return percent;
}

async function listCaches(options: Options, commands: Commands, terminal: Terminal): Promise<ExitCode> {
  const { config } = settingsOf(options, 'caches', terminal);
  const request = requestOf(options, config.cluster !== undefined);
  const objects = await readManifests(request.files, terminal);
  const reviewables = (request.expectsWorkloads ? reviewablesOf : reviewablesAmong)(objects, request.namespace);
  const engine = await openEngine(objects, options, config, commands, terminal);
  const { nowMs, sortBy, output } = request;
  const coverage = reviewables.length === 0 ? undefined : coverWorkloads(reviewables, engine, config.decision, nowMs);
  const { imageCaches } = engine.cluster;
  const inventory = sortCacheRows(
    cacheRows(engine.cluster, nowMs, config.decision.expiryMarginMs, coverage?.usedBy),
    sortBy,
  );
  const found =
    request.suggests && coverage !== undefined
      ? suggestCaches(coverage.uncovered, (key) => imageCaches.sizeOf(key), imageCaches.all(), {
          buildDeadlineMs: config.autoCreate.buildDeadlineMs,
          nowMs,
        })
      : undefined;
  const suggested = found === undefined ? undefined : suggestedOf(found, imageCaches, config.decision.mutableTags);

  if (output === 'json' || output === 'yaml') {
    if (suggested === undefined) {
      const data = inventoryData(inventory, coverage);
      terminal.out(output === 'json' ? `${JSON.stringify(data, null, 2)}\n` : toYaml(data));
    } else terminal.out(output === 'json' ? suggestionsAsJson(suggested) : suggestionsAsYaml(suggested));
  } else terminal.out(tables(inventory, coverage, suggested, request, terminal.colour.out));

  tellSuggestions(suggested ?? [], found, output, terminal);
  return isBelow(coverage, request.minCoverage, terminal) ? 1 : 0;
}

/** What was asked for, once it makes sense. */
interface CachesRequest {
  readonly files: readonly string[];
  readonly namespace: string;
  readonly output: string;
  readonly sortBy: SortKey;
  readonly suggests: boolean;
  readonly minCoverage: number | undefined;
  /** Whether files without any workload are a mistake. */
  readonly expectsWorkloads: boolean;
  readonly nowMs: number;
}

function requestOf(options: Options, isLive: boolean): CachesRequest {
  const files = textsOption(options, 'filename');
  const hasCluster = isLive || options['dir'] !== undefined;
  if (files.length === 0 && !hasCluster)
    throw new UsageError('there is nothing to list: name the ImageCaches with --dir, --kubeconfig or -f');
  const { minCoverage, now } = options;
  const suggests = options['suggest'] === true;
  const sortBy = SORT_KEYS.find((key) => key === options['sortBy']) ?? 'name';
  const wanting = [
    ...(suggests ? ['--suggest'] : []),
    ...(minCoverage === undefined ? [] : ['--min-coverage']),
    ...(sortBy === 'used' ? ['--sort-by used'] : []),
  ];
  if (wanting.length > 0 && files.length === 0) {
    const verb = wanting.length === 1 ? 'needs' : 'need';
    throw new UsageError(`${wanting.join(' and ')} ${verb} workloads: name their files with -f`);
  }
  return {
    files,
    namespace: textOption(options, 'namespace') ?? 'default',
    output: textOption(options, 'output') ?? 'table',
    sortBy,
    suggests,
    minCoverage: typeof minCoverage === 'number' ? minCoverage : undefined,
    // Beside a folder or a live cluster, files are there for their workloads alone.
    expectsWorkloads: wanting.length > 0 || (hasCluster && files.length > 0),
    nowMs: typeof now === 'number' ? now : Date.now(),
  };
}

function inventoryData(imageCaches: readonly CacheRow[], coverage: WorkloadCoverage | undefined): object {
  if (coverage === undefined) return { imageCaches };
  const { percent, ...counts } = coverage.summary;
  return { imageCaches, workloads: coverage.rows, coverage: { ...counts, percent: Math.floor(percent * 10) / 10 } };
}

function tables(
  inventory: readonly CacheRow[],
  coverage: WorkloadCoverage | undefined,
  suggested: readonly Suggested[] | undefined,
  { output, nowMs }: CachesRequest,
  colour: boolean,
): string {
  const isWide = output === 'wide';
  const caches = inventory.length === 0 ? '' : formatCacheTable(inventory, nowMs, isWide, colour);
  if (coverage === undefined) return caches;
  const section = (heading: string, text: string): string => `${paint(heading, 'cyan', colour)}\n${text}`;
  return [
    ...(caches === '' ? [] : [section('ImageCaches', caches)]),
    section('Workloads', formatCoverageTable(coverage, isWide, colour)),
    ...(suggested === undefined || suggested.length === 0
      ? []
      : [section('Suggested ImageCaches', formatSuggestionTable(suggested, isWide, colour))]),
  ].join('\n');
}

/** What the printed suggestions do not say themselves. */
function tellSuggestions(
  suggested: readonly Suggested[],
  found: SuggestedCaches | undefined,
  output: string,
  terminal: Terminal,
): void {
  if (found === undefined) return;
  const tell = (text: string): void => terminal.err(`${paint('Note:', 'yellow', terminal.colour.err)} ${text}\n`);
  for (const { name, sizeNote, notes } of output === 'yaml' ? [] : suggested) {
    if (output === 'json' && sizeNote !== '') tell(`${name}: ${sizeNote}`);
    for (const note of notes) tell(`${name}: ${note}`);
  }
  for (const { title, refusal } of found.refused) tell(`${refusalText(title, refusal)}.`);
  if (suggested.length === 0) {
    tell(
      found.refused.length === 0
        ? 'nothing to suggest: no workload here needs a new ImageCache.'
        : 'nothing else to suggest.',
    );
  }
}

function isBelow(coverage: WorkloadCoverage | undefined, minimum: number | undefined, terminal: Terminal): boolean {
  if (coverage === undefined || minimum === undefined || coverage.summary.percent >= minimum) return false;
  const { percent } = coverage.summary;
  terminal.err(
    `${paint('Failed:', 'red', terminal.colour.err)} ${percentText(percent)} of the workloads are covered completely, ` +
      `below --min-coverage ${minimum}%\n`,
  );
  return true;
}
