import { Command } from 'commander';
import type { AnsweredReview } from '../admission/answered-review.ts';
import { readAnsweredReview } from '../admission/answered-review.ts';
import type { Commands } from '../composition/commands.ts';
import type { Config } from '../config/config.ts';
import { isJsonObject, member } from '../wire/json.ts';
import type { ManifestObject } from '../wire/manifests.ts';
import { toYaml } from '../wire/yaml-text.ts';
import type { ExitCode, Options } from './command.ts';
import { collect, nowOption, outputOption, settingsOf, textOption, textsOption, withSettings } from './command.ts';
import { readManifests } from './manifest-files.ts';
import { connectReviewClient } from './review-client.ts';
import type { ReviewRow } from './review-row.ts';
import { formatReviewTable, reviewRow } from './review-row.ts';
import type { Reviewable } from './review-subjects.ts';
import { reviewablesOf } from './review-subjects.ts';
import { paint } from './table.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './terminal.ts';

const FORMATS = ['table', 'json', 'yaml', 'review', 'patch', 'pod'] as const;

/** `imc review`: what would become of these pods (spec section 8). */
export function reviewCommand(commands: Commands, terminal: Terminal, done: (code: ExitCode) => void): Command {
  const command = new Command('review')
    .summary('show what becomes of pods before they exist')
    .description(
      'Reviews pods as the webhook would, without creating any: one row per pod with the outcome, the chosen ImageCache, ' +
        'how many of its images are cached, and what is patched. Takes Pods, AdmissionReviews, Lists and everything with a ' +
        'pod template. Without --dir and --server, the ImageCaches, Namespaces and the eci-profile among the files count.',
    )
    .requiredOption('-f, --filename <path>', 'file, folder, or - for standard input; can be repeated', collect)
    .option('-d, --dir <folder>', 'folder with the ImageCaches, Namespaces and the eci-profile')
    .option('--server <url>', 'ask a running webhook instead, such as https://localhost:8443')
    .option('--ca-file <file>', "CA of that webhook's certificate, in PEM")
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
  imc review -f pod.yaml --dir examples/cluster -o pod | kubectl create -f -

Exit code: 0 all pods are allowed, 1 some pod is denied, 2 bad usage or input that cannot be read.`,
    )
    .action(async (options: Options) => done(await review(options, commands, terminal)));
  return withSettings(command, 'review');
}

async function review(options: Options, commands: Commands, terminal: Terminal): Promise<ExitCode> {
  const { config } = settingsOf(options, 'review', terminal);
  const objects = await readManifests(textsOption(options, 'filename'), terminal);
  const reviewables = reviewablesOf(objects, textOption(options, 'namespace') ?? 'default');
  const answers =
    options['server'] === undefined
      ? await answerOffline(reviewables, objects, options, config, commands, terminal)
      : await answerByServer(reviewables, options);

  const rows = answers.map(({ reviewable, answer, reason }) => reviewRow(reviewable, answer, reason));
  terminal.out(format(textOption(options, 'output') ?? 'table', answers, rows, terminal));
  tellWarnings(rows, terminal);
  return answers.every(({ answer }) => answer.allowed) ? 0 : 1;
}

interface Answered {
  readonly reviewable: Reviewable;
  readonly body: string;
  readonly answer: AnsweredReview;
  readonly reason: string;
}

async function answerOffline(
  reviewables: readonly Reviewable[],
  objects: readonly ManifestObject[],
  options: Options,
  config: Config,
  commands: Commands,
  terminal: Terminal,
): Promise<Answered[]> {
  if (options['caFile'] !== undefined) throw new UsageError('--ca-file goes with --server');
  const engine = await openEngine(objects, options, config, commands, terminal);
  return reviewables.map((reviewable) => {
    const { body, reason } = engine.answer(reviewable.review);
    return { reviewable, body, reason, answer: readAnsweredReview(reviewable.uid, reviewable.object, body) };
  });
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
  if (dir !== undefined && (options['kubeconfig'] ?? options['context']) !== undefined)
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

async function answerByServer(reviewables: readonly Reviewable[], options: Options): Promise<Answered[]> {
  if (options['dir'] !== undefined)
    throw new UsageError('--dir and --server exclude each other: a server has its own caches');
  if (options['now'] !== undefined)
    throw new UsageError('--now and --server exclude each other: a server has its own clock');
  const client = await connectReviewClient(textOption(options, 'server') ?? '', textOption(options, 'caFile'));
  try {
    const answers: Answered[] = [];
    for (const reviewable of reviewables) {
      const { body, reason } = await client.send(reviewable.review);
      answers.push({ reviewable, body, reason, answer: readAnsweredReview(reviewable.uid, reviewable.object, body) });
    }
    return answers;
  } finally {
    await client.close();
  }
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
function patchedPod({ written }: Reviewable, { pod, patch }: AnsweredReview): unknown {
  if (patch.length === 0 || !isJsonObject(written)) return written;
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
