import { Command } from 'commander';
import type { Commands } from '../composition/commands.ts';
import type { Explanation } from '../core/explanation.ts';
import { formatRequirement } from '../core/label-selector.ts';
import { toEpochMs } from '../core/timestamp.ts';
import { toYaml } from '../wire/yaml-text.ts';
import type { ExitCode, Options } from './command.ts';
import { collect, nowOption, outputOption, settingsOf, textOption, textsOption, withSettings } from './command.ts';
import { readManifests } from './manifest-files.ts';
import type { NewCache } from './new-cache.ts';
import { creationText, newCacheFor } from './new-cache.ts';
import { formatAge, formatBytes } from './quantities.ts';
import { openEngine } from './review-command.ts';
import type { Reviewable } from './review-subjects.ts';
import { reviewablesOf } from './review-subjects.ts';
import type { Cell } from './table.ts';
import { formatTable, paint } from './table.ts';
import type { Terminal } from './terminal.ts';

/** `imc explain`: the whole ranking behind each review (spec section 8). */
export function explainCommand(commands: Commands, terminal: Terminal, done: (code: ExitCode) => void): Command {
  const command = new Command('explain')
    .summary('show why a pod gets the cache it gets')
    .description(
      'Explains the decision for each pod: every image with its size and who holds it, every candidate in the order of ' +
        'the ranking, every other ImageCache with the reason it was passed over, and every eci-profile rule with what ' +
        'matched or failed first. The cluster is the folder of --dir, the live one of --kubeconfig or --context, or what is ' +
        'among the files.',
    )
    .requiredOption('-f, --filename <path>', 'file, folder, or - for standard input; can be repeated', collect)
    .option('-d, --dir <folder>', 'folder with the ImageCaches, Namespaces and the eci-profile')
    .option('-n, --namespace <name>', 'namespace of pods that name none', 'default')
    .addOption(outputOption(['table', 'json', 'yaml']))
    .addOption(nowOption())
    .addHelpText(
      'after',
      `
Examples:
  imc explain -f examples/workloads/checkout-deployment.yaml --dir examples/cluster
  imc explain -f pod.yaml --kubeconfig ~/.kube/config
  imc explain -f pod.yaml --dir examples/cluster -o json | jq '.[0].candidates'

Exit code: 0 explained, 1 some pod would be denied, 2 bad usage or input that cannot be read.`,
    )
    .action(async (options: Options) => done(await explainPods(options, commands, terminal)));
  return withSettings(command, 'explain');
}

async function explainPods(options: Options, commands: Commands, terminal: Terminal): Promise<ExitCode> {
  const { config } = settingsOf(options, 'explain', terminal);
  const objects = await readManifests(textsOption(options, 'filename'), terminal);
  const reviewables = reviewablesOf(objects, textOption(options, 'namespace') ?? 'default');
  const engine = await openEngine(objects, options, config, commands, terminal);
  const now = options['now'];
  const nowMs = typeof now === 'number' ? now : Date.now();
  const explained = reviewables.map((reviewable) => {
    const explanation = engine.explain(reviewable.review);
    const newCache = explanation && newCacheFor(reviewable, explanation.decision, engine.cluster, config, nowMs);
    return { reviewable, explanation, newCache };
  });

  const output = textOption(options, 'output');
  if (output === 'json' || output === 'yaml') {
    const data = explained.map(({ reviewable, explanation, newCache }) =>
      explanationData(reviewable, explanation, newCache),
    );
    terminal.out(output === 'json' ? `${JSON.stringify(data, null, 2)}\n` : toYaml(data));
  } else {
    const texts = explained.map(({ reviewable, explanation, newCache }) =>
      explanationText(
        reviewable,
        explanation,
        nowMs,
        terminal.colour.out,
        newCache && creationText(newCache, config.autoCreate),
      ),
    );
    terminal.out(texts.join('\n'));
  }
  return explained.every(({ explanation }) => explanation?.decision.kind !== 'deny') ? 0 : 1;
}

/** An explanation for programs; its shape is what `-o json` promises. */
function explanationData(
  { namespace, title }: Reviewable,
  explanation: Explanation | undefined,
  newCache: NewCache | undefined,
): object {
  const pod = { namespace, name: title };
  if (explanation === undefined) return { ...pod, outcome: 'Skipped', reason: 'no pod is created' };
  const { decision, platform, candidates, others, images, rules } = explanation;
  return {
    ...pod,
    outcome: decision.outcome,
    ...(decision.kind === 'skip' ? { reason: decision.reason } : {}),
    ...(decision.kind === 'deny' ? { message: decision.message } : {}),
    ...(decision.kind === 'skip'
      ? {}
      : {
          cache: decision.because.cache?.name,
          imageCacheId: decision.because.injectedPin,
          newCacheWanted: decision.because.cacheWanted,
          newCache: newCache && newCacheData(newCache),
          warnings: decision.warnings,
        }),
    platform,
    images,
    candidates: candidates.map(({ cache, exact, repository, matchedBytes, exactKeys, reason }, i) => ({
      rank: i + 1,
      name: cache.name,
      imageCacheId: cache.id,
      exact,
      repository,
      matchedBytes,
      createdAt: createdText(cache.createdAt),
      holds: [...exactKeys],
      reason,
    })),
    others: others.map(({ cache, reason }) => ({
      name: cache.name,
      phase: cache.phase,
      progress: cache.progress,
      reason,
    })),
    rules: rules.map((evaluation) => ({
      name: evaluation.rule.name,
      matched: evaluation.matched,
      ...(evaluation.matched ? {} : { because: failureText(evaluation.failed) }),
    })),
  };
}

function newCacheData({ name, refusal }: NewCache): object {
  if (refusal === undefined) return { name, made: true };
  return {
    name,
    made: false,
    reason: refusal.reason,
    ...('image' in refusal ? { image: refusal.image } : {}),
    ...('cache' in refusal ? { imageCache: refusal.cache.name } : {}),
  };
}

/**
 * An explanation for a person.
 *
 * @param creation - what becomes of the new ImageCache that is wanted, if that is known.
 */
export function explanationText(
  { namespace, title }: Pick<Reviewable, 'namespace' | 'title'>,
  explanation: Explanation | undefined,
  nowMs: number,
  colour: boolean,
  creation?: string,
): string {
  const heading = paint(`${namespace}/${title}`, 'bold', colour);
  if (explanation === undefined) return `${heading}: Skipped, since no pod is created\n`;
  const { candidates, others, images, rules } = explanation;
  const section = (name: string, table: string): string => `\n${paint(name, 'cyan', colour)}\n${indent(table)}`;
  return [
    `${heading}\n${indent(summary(explanation, creation))}`,
    images.length === 0 ? '' : section('Images', imageTable(explanation, colour)),
    candidates.length === 0 ? '' : section('Candidates, best first', candidateTable(explanation, nowMs, colour)),
    others.length === 0 ? '' : section('Other ImageCaches', otherTable(others, colour)),
    rules.length === 0 ? '' : section('eci-profile rules', ruleTable(rules, colour)),
  ].join('');
}

function summary({ decision, platform, candidates }: Explanation, creation: string | undefined): string {
  const lines = [`outcome    ${decision.outcome}${decision.kind === 'skip' ? ` (${decision.reason})` : ''}`];
  lines.push(`platform   ${platform.os}/${platform.architecture}`);
  if (decision.kind === 'skip') {
    lines.push(`result     ${SKIP_TEXT[decision.reason]}; nothing is patched`);
    return `${lines.join('\n')}\n`;
  }
  const { because } = decision;
  lines.push(`result     ${resultText(decision, candidates)}`);
  if (decision.kind === 'deny') lines.push(`denied     ${decision.message}`);
  if (because.cacheWanted) {
    lines.push('new cache  wanted: no usable ImageCache holds all images');
    if (creation !== undefined) lines.push(`           ${creation}`);
  }
  for (const warning of decision.warnings) lines.push(`warning    ${warning}`);
  return `${lines.join('\n')}\n`;
}

const SKIP_TEXT = {
  NotCreate: 'the review is not of a creation',
  NotPod: 'the review is not of a pod',
  SystemNamespace: 'pods of system namespaces are left alone',
  OwnNamespace: 'pods of the webhook’s own namespace are left alone',
  Ignored: 'the pod or its namespace is marked imc-webhook/ignore',
  Acs: 'the pod runs on ACS, which has caches of its own',
  Mirror: 'it is the mirror of a static pod',
  RealNode: 'its nodeName is not a virtual node',
  DaemonSet: 'pods of DaemonSets run on real nodes',
  NotEci: 'nothing says that the pod runs on ECI (label, namespace label, node selector, annotation or rule)',
  Off: 'mode is off',
} as const;

function resultText(
  decision: Exclude<Explanation['decision'], { kind: 'skip' }>,
  candidates: Explanation['candidates'],
): string {
  const { outcome, because } = decision;
  const { wishes, injectedPin, cache } = because;
  if (injectedPin !== undefined) return `pins ${cache?.name} (${injectedPin})`;
  switch (outcome) {
    case 'Pinned':
      return `keeps the pin ${wishes.pin?.id} (${cache?.name})`;
    case 'PinUnknown':
      return `keeps the pin ${wishes.pin?.id}, which no ImageCache here has`;
    case 'PinNotReady':
      return `the pinned ${cache?.name} does not work`;
    case 'AutoDisabled':
      return 'the pod wants no ImageCache';
    case 'PerfectMatchUnsatisfied':
      return `leaves the pod to ECI: no candidate holds all ${because.images.count} images, as imc-perfect-match asks`;
    case 'MatchCountUnsatisfied': {
      const { matchCount } = wishes;
      const tooMany = (matchCount ?? 0) > because.images.count ? `; the pod has only ${because.images.count}` : '';
      return `leaves the pod to ECI: no candidate holds ${matchCount} images, as imc-match-count-request asks${tooMany}`;
    }
    case 'PartialMatch':
      return `leaves the pod to ECI, which completes what ${candidates[0]?.cache.name} lacks`;
    default:
      return 'leaves the pod to ECI: no usable ImageCache holds any of its images';
  }
}

function imageTable({ images }: Explanation, colour: boolean): string {
  return formatTable(
    ['IMAGE', 'SIZE', 'HELD BY'],
    images.map(({ image, invalid, heldBy, sizeBytes }): (Cell | string)[] => {
      if (invalid)
        return [
          image === '' ? '(empty)' : image,
          '-',
          { text: 'not a valid reference: matches nothing', style: 'red' },
        ];
      const holders =
        heldBy.length > 3 ? `${heldBy.slice(0, 3).join(', ')} and ${heldBy.length - 3} more` : heldBy.join(', ');
      return [
        image,
        sizeBytes === 0 ? 'unknown, counts as 0' : formatBytes(sizeBytes),
        heldBy.length === 0 ? { text: 'nobody', style: 'yellow' } : holders,
      ];
    }),
    colour,
  );
}

function candidateTable({ candidates, images, decision }: Explanation, nowMs: number, colour: boolean): string {
  const chosen = decision.kind === 'skip' ? undefined : decision.because.injectedPin;
  return formatTable(
    ['RANK', 'CACHE', 'EXACT', 'REPOSITORY', 'MATCHED SIZE', 'AGE', 'VERDICT'],
    candidates.map(({ cache, exact, repository, matchedBytes, reason }, i): (Cell | string)[] => [
      String(i + 1),
      cache.name,
      `${exact}/${images.length}`,
      String(repository),
      matchedBytes === 0 ? 'unknown' : formatBytes(matchedBytes),
      cache.createdAt === undefined ? 'unknown' : formatAge(nowMs - toEpochMs(cache.createdAt)),
      reason === undefined
        ? { text: chosen === cache.id ? 'chosen' : 'first', style: 'green' }
        : { text: reason, style: 'dim' },
    ]),
    colour,
  );
}

function otherTable(others: Explanation['others'], colour: boolean): string {
  return formatTable(
    ['CACHE', 'REASON', 'PHASE'],
    others.map(({ cache, reason }): (Cell | string)[] => [
      cache.name,
      reason,
      [cache.phase || '-', cache.phase === 'Ready' ? '' : cache.progress].filter((part) => part !== '').join(' '),
    ]),
    colour,
  );
}

function ruleTable(rules: Explanation['rules'], colour: boolean): string {
  return formatTable(
    ['RULE', 'MATCHED', 'BECAUSE'],
    rules.map((evaluation): (Cell | string)[] => [
      evaluation.rule.name,
      evaluation.matched ? { text: 'yes', style: 'green' } : { text: 'no', style: 'dim' },
      evaluation.matched ? '-' : failureText(evaluation.failed),
    ]),
    colour,
  );
}

function failureText(failed: Extract<Explanation['rules'][number], { matched: false }>['failed']): string {
  if (failed === 'unknown-namespace') return 'namespaceSelector: the namespace is not known';
  return `${failed.selector}: ${formatRequirement(failed.requirement)} does not hold`;
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}

function createdText(createdAt: Explanation['candidates'][number]['cache']['createdAt']): string | undefined {
  return createdAt === undefined ? undefined : new Date(toEpochMs(createdAt)).toISOString();
}
