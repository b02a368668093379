import { Command } from 'commander';
import type { AnsweredReview } from '../admission/answered-review.ts';
import type { Commands } from '../composition/commands.ts';
import type { Config } from '../config/config.ts';
import { isJsonObject, member } from '../wire/json.ts';
import type { ManifestObject } from '../wire/manifests.ts';
import { toYaml } from '../wire/yaml-text.ts';
import { clusterLevel } from './cluster-level.ts';
import type { ExitCode, Options } from './command.ts';
import { collect, nowOption, outputOption, settingsOf, textOption, textsOption, withSettings } from './command.ts';
import { readManifests } from './manifest-files.ts';
import { ProgressLine } from './progress-line.ts';
import { connectReviewClient } from './review-client.ts';
import { compareAnswers, formatComparisons } from './review-comparison.ts';
import type { Answered, LevelName, ReviewLevel } from './review-level.ts';
import { offlineLevel, webhookLevel } from './review-level.ts';
import type { ReviewRow } from './review-row.ts';
import { formatReviewTable, reviewRow } from './review-row.ts';
import type { Reviewable } from './review-subjects.ts';
import { reviewablesOf } from './review-subjects.ts';
import { paint } from './table.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './terminal.ts';

const FORMATS = ['table', 'json', 'yaml', 'review', 'patch', 'pod'];
const CLUSTER_FORMATS = ['table', 'json', 'yaml', 'pod'];

/** `imc review`: what would become of these pods (spec section 8). */
export function reviewCommand(commands: Commands, terminal: Terminal, done: (code: ExitCode) => void): Command {
  const command = new Command('review')
    .summary('show what becomes of pods before they exist')
    .description(
      'Reviews pods as the webhook would, without creating any: one row per pod with the outcome, the chosen ImageCache, ' +
        'how many of its images are cached, and what is patched. Takes Pods, AdmissionReviews, Lists and everything with a ' +
        'pod template. Asked is the engine over --dir or over what is among the files, a running webhook (--server), or an ' +
        'API server (--kubeconfig, --context); --compare asks two or three of them and shows every difference. Whatever ' +
        'is sent is a dry run.',
    )
    .requiredOption('-f, --filename <path>', 'file, folder, or - for standard input; can be repeated', collect)
    .option('-d, --dir <folder>', 'folder with the ImageCaches, Namespaces and the eci-profile')
    .option('--server <url>', 'ask a running webhook instead, such as https://localhost:8443')
    .option('--ca-file <file>', "CA of that webhook's certificate, in PEM")
    .option('--compare', 'ask two or three of --dir, --server and --kubeconfig, and compare what they say')
    .option('-n, --namespace <name>', 'namespace of pods that name none', 'default')
    .addOption(outputOption(FORMATS))
    .addOption(nowOption())
    .addHelpText(
      'after',
      `
Examples:
  imc review -f deployment.yaml --dir examples/cluster
  kubectl get deployment web -o yaml | imc review -f - --dir examples/cluster -o json
  imc review -f examples/workloads --server https://localhost:8443 --ca-file ca.crt
  imc review -f examples/workloads --kubeconfig ~/.kube/config
  imc review -f examples/workloads --dir examples/cluster --context staging --compare
  imc review -f pod.yaml --dir examples/cluster -o pod | kubectl create -f -

Exit code: 0 all pods are allowed, or all answers the same; 1 some pod is denied, or answers differ; 2 bad usage or input that cannot be read.`,
    )
    .action(async (options: Options) => done(await review(options, commands, terminal)));
  return withSettings(command, 'review');
}

async function review(options: Options, commands: Commands, terminal: Terminal): Promise<ExitCode> {
  const { config } = settingsOf(options, 'review', terminal);
  const output = textOption(options, 'output') ?? 'table';
  const wanted = wantedLevels(options, config, output);
  const objects = await readManifests(textsOption(options, 'filename'), terminal);
  const reviewables = reviewablesOf(objects, textOption(options, 'namespace') ?? 'default');
  const levels: ReviewLevel[] = [];
  const line = new ProgressLine(terminal);
  const source = { objects, options, config, pods: reviewables.length };
  try {
    for (const name of wanted) levels.push(await openLevel(name, source, commands, terminal, line));
    const answers = new Map<LevelName, readonly Answered[]>();
    for (const level of levels) {
      answers.set(level.name, await level.answer(reviewables));
      line.clear();
    }
    return options['compare'] === true
      ? printComparisons(answers, output, terminal)
      : printAnswers([...answers.values()].flat(), output, terminal);
  } finally {
    line.clear();
    for (const level of levels) await level.close();
  }
}

/** Who is asked: one level, or those to be compared. */
function wantedLevels(options: Options, { cluster }: Config, output: string): LevelName[] {
  const has = (key: string): boolean => options[key] !== undefined;
  if (has('caFile') && !has('server')) throw new UsageError('--ca-file goes with --server');
  const levels: LevelName[] =
    options['compare'] === true ? comparedLevels(options, cluster) : [singleLevel(options, cluster)];
  const isOffline = levels.length === 1 && levels[0] === 'offline';
  if (has('now') && !isOffline) {
    const where = levels.includes('webhook') ? '--server' : '--kubeconfig';
    throw new UsageError(`--now and ${where} exclude each other: a server has its own clock`);
  }
  const formats =
    options['compare'] === true ? ['table', 'json', 'yaml'] : levels[0] === 'API server' ? CLUSTER_FORMATS : FORMATS;
  if (formats.includes(output)) return levels;
  const why =
    options['compare'] === true
      ? '--compare prints'
      : 'an API server does not pass the answer itself on, so --kubeconfig prints';
  throw new UsageError(`-o ${output}: ${why} ${formats.slice(0, -1).join(', ')} or ${formats.at(-1)}`);
}

function comparedLevels(options: Options, cluster: Config['cluster']): LevelName[] {
  const levels: LevelName[] = [];
  if (options['dir'] !== undefined) levels.push('offline');
  if (options['server'] !== undefined) levels.push('webhook');
  if (cluster !== undefined) levels.push('API server');
  if (levels.length < 2) throw new UsageError('--compare needs two or three of --dir, --server and --kubeconfig');
  return levels;
}

/** A cluster that only the environment or the settings file names gives way to what the command line asks for. */
function singleLevel(options: Options, cluster: Config['cluster']): LevelName {
  const isClusterFlag = options['kubeconfig'] !== undefined || options['context'] !== undefined;
  const given = [
    ...(options['dir'] === undefined ? [] : ['--dir']),
    ...(options['server'] === undefined ? [] : ['--server']),
    ...(isClusterFlag ? [options['kubeconfig'] === undefined ? '--context' : '--kubeconfig'] : []),
  ];
  if (given.length > 1) {
    throw new UsageError(
      `${given.join(' and ')} exclude each other: each has its own caches; --compare asks all of them`,
    );
  }
  if (options['server'] !== undefined) return 'webhook';
  return options['dir'] === undefined && cluster !== undefined ? 'API server' : 'offline';
}

/** What the command was given. */
interface Source {
  readonly objects: readonly ManifestObject[];
  readonly options: Options;
  readonly config: Config;
  /** How many pods are reviewed. */
  readonly pods: number;
}

async function openLevel(
  name: LevelName,
  { objects, options, config, pods }: Source,
  commands: Commands,
  terminal: Terminal,
  line: ProgressLine,
): Promise<ReviewLevel> {
  const progress = (done: number): void => line.show(`${name}: ${done} of ${pods} pods`);
  switch (name) {
    case 'offline':
      return offlineLevel(await openEngine(objects, options, { ...config, cluster: undefined }, commands, terminal));
    case 'webhook': {
      const client = await connectReviewClient(textOption(options, 'server') ?? '', textOption(options, 'caFile'));
      return webhookLevel(client, progress);
    }
    case 'API server': {
      const note = (text: string): void => {
        line.clear();
        terminal.err(`${paint('Note:', 'yellow', terminal.colour.err)} ${text}.\n`);
      };
      const { kubeconfig, context } = config.cluster ?? {};
      return clusterLevel(await commands.openDryRun({ kubeconfig, context, env: terminal.env }), note, progress);
    }
  }
}

function printAnswers(answers: readonly Answered[], output: string, terminal: Terminal): ExitCode {
  const rows = answers.map(({ reviewable, answer, reason }) => reviewRow(reviewable, answer, reason));
  terminal.out(format(output, answers, rows, terminal));
  tellWarnings(rows, terminal);
  return answers.every(({ answer }) => answer.allowed) ? 0 : 1;
}

function printComparisons(
  answers: ReadonlyMap<LevelName, readonly Answered[]>,
  output: string,
  terminal: Terminal,
): ExitCode {
  const levels = [...answers.keys()];
  const [first = []] = answers.values();
  const comparisons = first.map((_, i) =>
    compareAnswers(
      new Map([...answers].flatMap(([level, all]) => (all[i] === undefined ? [] : [[level, all[i]] as const]))),
    ),
  );
  if (output === 'json') terminal.out(`${JSON.stringify(comparisons, null, 2)}\n`);
  else if (output === 'yaml') terminal.out(toYaml(comparisons));
  else terminal.out(formatComparisons(comparisons, levels, terminal.colour.out));
  return comparisons.every(({ equal }) => equal) ? 0 : 1;
}

/** The engine over `--dir`, over the cluster that the settings name, or over what is among the files. */
export async function openEngine(
  objects: readonly ManifestObject[],
  options: Options,
  { decision, cluster }: Config,
  commands: Commands,
  terminal: Terminal,
): ReturnType<Commands['openOffline']> {
  const dir = textOption(options, 'dir');
  const now = options['now'];
  if (dir !== undefined && cluster !== undefined && (options['kubeconfig'] ?? options['context']) !== undefined)
    throw new UsageError('--dir goes without --kubeconfig and --context: the cluster is either files or a live one');
  const isLive = dir === undefined && cluster !== undefined;
  const engine = await commands.openOffline({
    ...(dir === undefined ? { objects } : { dir }),
    ...(isLive ? { cluster: { ...cluster, env: terminal.env } } : {}),
    settings: decision,
    nowMs: typeof now === 'number' ? now : Date.now(),
  });
  for (const warning of engine.warnings) {
    terminal.err(`${paint('Warning:', 'yellow', terminal.colour.err)} ${warning}\n`);
  }
  if (engine.imageCacheCount === 0 && engine.warnings.length === 0) {
    const among = dir === undefined ? 'among the files; name their folder with --dir' : `in ${dir}`;
    terminal.err(`Note: there is no ImageCache ${isLive ? 'in the cluster' : among}.\n`);
  }
  return engine;
}

function format(output: string, answers: readonly Answered[], rows: readonly ReviewRow[], terminal: Terminal): string {
  switch (output) {
    case 'json':
      return `${JSON.stringify(rows, null, 2)}\n`;
    case 'yaml':
      return toYaml(rows);
    case 'review':
      return answers.map(({ body }) => `${body}\n`).join('');
    case 'patch':
      return answers.map(({ answer }) => `${JSON.stringify(answer.patch)}\n`).join('');
    case 'pod':
      return answers.map(({ reviewable, answer }) => toYaml(patchedPod(reviewable, answer))).join('---\n');
    default:
      return formatReviewTable(rows, terminal.colour.out);
  }
}

/** The pod as it was written, with the annotations and labels of the answer. */
function patchedPod({ written, object }: Reviewable, { pod }: AnsweredReview): unknown {
  if (pod === object || !isJsonObject(written)) return written;
  const metadata = member(written, 'metadata');
  const annotations = member(member(pod, 'metadata'), 'annotations');
  const labels = member(member(pod, 'metadata'), 'labels');
  return {
    ...written,
    metadata: {
      ...(isJsonObject(metadata) ? metadata : {}),
      ...(annotations === undefined ? {} : { annotations }),
      ...(labels === undefined ? {} : { labels }),
    },
  };
}

function tellWarnings(rows: readonly ReviewRow[], terminal: Terminal): void {
  for (const { namespace, name, warnings, message } of rows) {
    for (const warning of warnings) {
      terminal.err(`${paint('Warning:', 'yellow', terminal.colour.err)} ${namespace}/${name}: ${warning}\n`);
    }
    if (message !== undefined)
      terminal.err(`${paint('Denied:', 'red', terminal.colour.err)} ${namespace}/${name}: ${message}\n`);
  }
}
