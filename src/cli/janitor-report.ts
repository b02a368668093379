import type { Commands } from '../composition/commands.ts';
import type { Config } from '../config/config.ts';
import { janitorReport } from '../core/janitor-report.ts';
import { createsCaches } from '../core/settings.ts';
import { toYaml } from '../wire/yaml-text.ts';
import type { ExitCode, Options } from './command.ts';
import { settingsOf, textOption, textsOption } from './command.ts';
import { formatJanitorTable, janitorRows } from './janitor-table.ts';
import { readManifests } from './manifest-files.ts';
import { ProgressLine } from './progress-line.ts';
import { openEngine } from './review-command.ts';
import { paint } from './table.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './terminal.ts';

type LivingPods = Awaited<ReturnType<Commands['livingPods']>>;

/** `imc caches --janitor`: what the controller would do with the ImageCaches it made; changes nothing. */
export async function reportJanitor(options: Options, commands: Commands, terminal: Terminal): Promise<ExitCode> {
  const { config } = settingsOf(options, 'caches', terminal);
  const files = textsOption(options, 'filename');
  checkUsage(options, files, config);
  const engine = await openEngine(await readManifests(files, terminal), options, config, commands, terminal);
  const pods = options['dir'] === undefined ? await livingPods(config, commands, terminal) : undefined;
  const nowMs = typeof options['now'] === 'number' ? options['now'] : Date.now();
  const { autoCreate, decision } = config;
  const caches = new Map([...engine.cluster.imageCaches.all()].map((cache) => [cache.name, cache]));
  const entries = janitorReport({
    nowMs,
    settings: {
      ...autoCreate,
      enabled: createsCaches(autoCreate, decision),
      expiryMarginMs: decision.expiryMarginMs,
    },
    caches,
    demands: pods?.demands ?? [],
    idsInUse: pods?.idsInUse ?? new Set(),
    failures: new Map(),
  });
  const rows = janitorRows(entries, pods !== undefined);
  const output = textOption(options, 'output');
  if (output === 'json') terminal.out(`${JSON.stringify({ imageCaches: rows }, null, 2)}\n`);
  else if (output === 'yaml') terminal.out(toYaml({ imageCaches: rows }));
  else if (rows.length > 0) terminal.out(formatJanitorTable(rows, nowMs, terminal.colour.out));
  tellLimits(caches.size - rows.length, rows.length, pods, terminal);
  return 0;
}

function checkUsage(options: Options, files: readonly string[], { cluster }: Config): void {
  const { suggest, minCoverage, sortBy = 'name' } = options;
  const others = [
    ...(suggest === true ? ['--suggest'] : []),
    ...(minCoverage === undefined ? [] : ['--min-coverage']),
    ...(sortBy === 'name' ? [] : ['--sort-by']),
  ];
  if (others.length > 0)
    throw new UsageError(`--janitor goes without ${others.join(' and ')}: it is a report of its own`);
  const hasCluster = options['dir'] !== undefined || cluster !== undefined;
  if (files.length === 0 && !hasCluster)
    throw new UsageError('there is nothing to report on: name the ImageCaches with --kubeconfig, --dir or -f');
  if (files.length > 0 && hasCluster)
    throw new UsageError('--janitor looks at one cluster: either the files of -f, or --dir, or a live one');
}

/** `undefined` where nobody knows: with files, and where pods must not be listed. */
async function livingPods(
  { cluster, autoCreate }: Config,
  commands: Commands,
  terminal: Terminal,
): Promise<LivingPods | undefined> {
  if (cluster === undefined) return undefined;
  const line = new ProgressLine(terminal);
  try {
    return await commands.livingPods({ ...cluster, env: terminal.env, copied: autoCreate }, (read, of) =>
      line.show(`read ${read} of ${of} pods`),
    );
  } catch (error) {
    if (!(error instanceof Error && 'status' in error && error.status === 403)) throw error;
    line.clear();
    terminal.err(`${paint('Warning:', 'yellow', terminal.colour.err)} ${error.message}\n`);
    return undefined;
  } finally {
    line.clear();
  }
}

/** What the report does not say itself. */
function tellLimits(others: number, ours: number, pods: LivingPods | undefined, terminal: Terminal): void {
  const tell = (text: string): void => terminal.err(`${paint('Note:', 'yellow', terminal.colour.err)} ${text}\n`);
  if (ours === 0) tell('none of the ImageCaches was made by the program.');
  else if (pods === undefined)
    tell(
      'which pods live is unknown, so every ImageCache is taken for unused; one that a living pod names is not deleted.',
    );
  else tell(`${pods.count} living pods name ${pods.idsInUse.size} ids, and want ${pods.demands.length} ImageCaches.`);
  if (others > 0)
    tell(`${others === 1 ? '1 ImageCache of others is' : `${others} ImageCaches of others are`} never touched.`);
}
