import { z } from 'zod';
import { DEFAULT_CREATION_SETTINGS, DEFAULT_SETTINGS } from '../core/settings.ts';
import { formatDuration } from './duration.ts';
import { environmentOf, flagOf } from './setting-names.ts';
import {
  address,
  automatic,
  choice,
  duration,
  list,
  optional,
  path,
  type SettingType,
  wholeNumber,
  word,
} from './setting-types.ts';

/** A command that reads settings. */
export type SettingsCommand = 'serve' | 'review' | 'explain' | 'caches' | 'test' | 'lint' | 'controller' | 'doctor';

/** When a change of the file counts: at the next review, or at the next start. */
export type Applies = 'hot' | 'restart';

/** Everything there is to know about one setting. */
export interface SettingDefinition<Value> extends SettingType<Value> {
  /** As one would write it in the file; undefined if there is no fixed one. */
  readonly default: string | number | undefined;
  /** What the table of settings says where there is no fixed default. */
  readonly defaultText?: string;
  readonly applies: Applies;
  /** The commands that take the flag. */
  readonly commands: readonly SettingsCommand[];
  /** One plain sentence. */
  readonly description: string;
}

const DECISION: readonly SettingsCommand[] = ['serve', 'review', 'explain', 'caches', 'test'];
/** Settings that decide which cache a pod would get. */
const MATCHING: readonly SettingsCommand[] = [...DECISION, 'lint'];
/** Settings that decide which ImageCaches are made and removed. */
const CREATION: readonly SettingsCommand[] = ['serve', 'explain', 'controller'];
const SERVE: readonly SettingsCommand[] = ['serve'];
/** Settings of whatever runs for long. */
const RUNNING: readonly SettingsCommand[] = ['serve', 'controller'];
const CONTROLLER: readonly SettingsCommand[] = ['controller'];
const CLUSTER: readonly SettingsCommand[] = ['serve', 'review', 'explain', 'caches', 'controller', 'doctor'];

/** Every setting by its key, in the order of the documentation. Names, parser, flags and tables all come from here. */
export const SETTINGS = {
  mode: define({
    ...choice('enforce', 'observe', 'off'),
    default: DEFAULT_SETTINGS.mode,
    applies: 'hot',
    commands: [...DECISION, 'controller'],
    description: 'Whether decisions are written to pods, only recorded, or not made at all.',
  }),
  podScope: define({
    ...choice('eci', 'all'),
    default: DEFAULT_SETTINGS.podScope,
    applies: 'hot',
    commands: MATCHING,
    description:
      'Whether only pods with a sign of ECI are handled, or every pod that is not skipped for another reason.',
  }),
  partialMatch: define({
    ...choice('auto', 'pin', 'delegate'),
    default: DEFAULT_SETTINGS.partialMatch,
    applies: 'hot',
    commands: DECISION,
    description:
      'What a pod gets when its best cache holds only some of its images: that cache, the choice of ECI, or whichever suits who builds the caches.',
  }),
  unreadyPin: define({
    ...choice('warn', 'deny'),
    default: DEFAULT_SETTINGS.unreadyPin,
    applies: 'hot',
    commands: DECISION,
    description: 'Whether a pod that names a cache which is not ready is admitted with a warning or refused.',
  }),
  registryAliases: define({
    ...choice('off', 'repository'),
    default: DEFAULT_SETTINGS.registryAliases,
    applies: 'hot',
    commands: MATCHING,
    description: 'Whether the public, VPC and internal host of a registry count as the same repository.',
  }),
  expiryMargin: define({
    ...duration,
    default: formatDuration(DEFAULT_SETTINGS.expiryMarginMs),
    applies: 'hot',
    commands: [...MATCHING, 'controller'],
    description:
      'A cache that expires within this time is not chosen, since a pod may wait that long before it starts.',
  }),
  warnings: define({
    ...choice('on', 'off'),
    default: DEFAULT_SETTINGS.warnings,
    applies: 'hot',
    commands: DECISION,
    description: 'Whether answers carry warnings, which kubectl prints.',
  }),
  'controller.driver': define({
    ...optional(choice('external', 'simulated', 'eci')),
    default: undefined,
    defaultText: '`simulated` with files, `external` in a cluster',
    applies: 'hot',
    commands: [...DECISION, 'controller'],
    description:
      'Who builds caches: another component (`external`), or a simulation for trials; it also decides what `partialMatch: auto` means: `delegate` with `external`, else `pin`.',
  }),
  'autoCreate.enabled': define({
    ...automatic,
    default: 'auto',
    applies: 'hot',
    commands: CREATION,
    description:
      'Whether ImageCaches are made for pods that none covers; `auto` means yes unless `controller.driver` is `external`, where ECI makes them by itself.',
  }),
  'autoCreate.allow': define({
    ...optional(list('globs', 'registry.example.com/*', '*/team-a/*')),
    default: undefined,
    defaultText: 'everything',
    applies: 'hot',
    commands: CREATION,
    description: 'References that may be cached, written out in full; `*` stands for any characters.',
  }),
  'autoCreate.deny': define({
    ...optional(list('globs', '*:*-SNAPSHOT', 'docker.io/*')),
    default: undefined,
    applies: 'hot',
    commands: CREATION,
    description: 'References that are never cached, whatever `autoCreate.allow` says.',
  }),
  'autoCreate.mutableTags': define({
    ...list('tags', 'latest', 'dev'),
    default: DEFAULT_CREATION_SETTINGS.mutableTags.join(','),
    applies: 'hot',
    commands: [...MATCHING, 'controller'],
    description:
      'Tags that move from image to image; warnings and lint name them, and a pod with one gets no ImageCache unless it always pulls it.',
  }),
  'autoCreate.maxCaches': define({
    ...wholeNumber(0, 10_000),
    default: DEFAULT_CREATION_SETTINGS.maxCaches,
    applies: 'hot',
    commands: CREATION,
    description: 'How many ImageCaches made by the program may be offered at a time; beyond that an idle one must go.',
  }),
  'autoCreate.perMinute': define({
    ...wholeNumber(0, 10_000),
    default: DEFAULT_CREATION_SETTINGS.perMinute,
    applies: 'hot',
    commands: CREATION,
    description: 'How many ImageCaches are made within a minute; the others wait.',
  }),
  'autoCreate.buildDeadline': define({
    ...duration,
    default: formatDuration(DEFAULT_CREATION_SETTINGS.buildDeadlineMs),
    applies: 'hot',
    commands: [...CREATION, 'caches'],
    description: 'An ImageCache that is built for longer counts as failed.',
  }),
  'autoCreate.retentionDays': define({
    ...optional(wholeNumber(1, 65_536)),
    default: undefined,
    applies: 'hot',
    commands: CREATION,
    description: 'After how many days ECI removes an ImageCache made by the program; without it, when nobody uses it.',
  }),
  'autoCreate.share': define({
    ...choice('namespace', 'cluster'),
    default: DEFAULT_CREATION_SETTINGS.share,
    applies: 'hot',
    commands: CREATION,
    description: 'Whether an ImageCache built with pull secrets is for pods of its namespace only, or for all.',
  }),
  'autoCreate.copyAnnotations': define({
    ...list('keys', 'k8s.aliyun.com/acr-instance-ids'),
    default: DEFAULT_CREATION_SETTINGS.copyAnnotations.join(','),
    applies: 'hot',
    commands: CREATION,
    description: "Which of a pod's annotations are copied to the ImageCache made for it.",
  }),
  simulateBuild: define({
    ...duration,
    default: '5s',
    applies: 'hot',
    commands: RUNNING,
    description: 'How long the simulated builder takes for an ImageCache.',
  }),
  drainSeconds: define({
    ...wholeNumber(0, 3600),
    default: 10,
    applies: 'hot',
    commands: SERVE,
    description:
      'How many seconds reviews are still answered after SIGTERM, while the API server moves to other replicas.',
  }),
  'log.level': define({
    ...choice('debug', 'info', 'warn', 'error'),
    default: 'info',
    applies: 'hot',
    commands: RUNNING,
    description: 'How much is logged.',
  }),
  source: define({
    ...optional(choice('files', 'kubernetes')),
    default: undefined,
    defaultText: '`kubernetes` inside a cluster, with `kubeconfig` or with `context`; else `files`',
    applies: 'restart',
    commands: SERVE,
    description:
      'Where the cluster is read from: the API server, or a folder of files, which is also meant when only `dir` is given.',
  }),
  dir: define({
    ...path('folder', '.', 'examples/cluster'),
    default: '.',
    applies: 'restart',
    commands: SERVE,
    description: 'The folder whose YAML and JSON files are the cluster, with the source `files`.',
  }),
  kubeconfig: define({
    ...optional(path('file', 'kubeconfig.yaml')),
    default: undefined,
    applies: 'restart',
    commands: CLUSTER,
    description:
      'The kubeconfig file of the cluster to ask; without it `KUBECONFIG`, the service account or `~/.kube/config` counts.',
  }),
  context: define({
    ...optional(word('production')),
    default: undefined,
    applies: 'restart',
    commands: CLUSTER,
    description: 'The context of the kubeconfig to use, instead of its current one.',
  }),
  profileConfigMap: define({
    ...word('eci-imagecache-webhook-profile'),
    default: 'eci-imagecache-webhook-profile',
    applies: 'restart',
    commands: RUNNING,
    description:
      'The ConfigMap beside this program in which the controller keeps the last good eci-profile, for replicas that start while it is broken.',
  }),
  host: define({
    ...address,
    default: '::',
    applies: 'restart',
    commands: SERVE,
    description:
      'The address reviews are answered on over HTTPS; `::`, which YAML needs in quotes, means all, of IPv4 too.',
  }),
  port: define({
    ...wholeNumber(0, 65_535),
    default: 8443,
    applies: 'restart',
    commands: RUNNING,
    description: 'The port reviews are answered on over HTTPS; 0 takes any free one.',
  }),
  adminHost: define({
    ...address,
    default: '127.0.0.1',
    applies: 'restart',
    commands: RUNNING,
    description: 'The address of the plain HTTP pages for health and metrics.',
  }),
  adminPort: define({
    ...wholeNumber(0, 65_535),
    default: 8080,
    applies: 'restart',
    commands: RUNNING,
    description: 'The port of the plain HTTP pages for health and metrics; 0 takes any free one.',
  }),
  'tls.cert': define({
    ...optional(path('file', 'tls.crt')),
    default: undefined,
    applies: 'restart',
    commands: SERVE,
    description: 'The certificate chain to serve with, in PEM; needs `tls.key`.',
  }),
  'tls.key': define({
    ...optional(path('file', 'tls.key')),
    default: undefined,
    applies: 'restart',
    commands: SERVE,
    description: 'The private key of `tls.cert`, in PEM.',
  }),
  certDir: define({
    ...optional(path('folder', '/etc/imc/tls')),
    default: undefined,
    applies: 'restart',
    commands: SERVE,
    description:
      'A folder with `tls.crt` and `tls.key`, such as a mounted Secret, instead of `tls.cert` and `tls.key`.',
  }),
  'tls.secret': define({
    ...optional(word('eci-imagecache-webhook-tls')),
    default: undefined,
    applies: 'restart',
    commands: RUNNING,
    description:
      'The Secret beside this program that `imc controller` keeps a certificate in and `imc serve` serves from, instead of files.',
  }),
  'tls.webhookConfiguration': define({
    ...word('zz-eci-imagecache-webhook'),
    default: 'zz-eci-imagecache-webhook',
    applies: 'restart',
    commands: CONTROLLER,
    description: 'The MutatingWebhookConfiguration whose `caBundle` the controller keeps, with `tls.secret`.',
  }),
  'tls.podSelector': define({
    ...word('app.kubernetes.io/name=eci-imagecache-webhook,app.kubernetes.io/component=serve'),
    default: 'app.kubernetes.io/name=eci-imagecache-webhook,app.kubernetes.io/component=serve',
    applies: 'restart',
    commands: CONTROLLER,
    description:
      'The labels of the pods that serve, which are asked for their certificate before an old CA is dropped, with `tls.secret`.',
  }),
  'controller.lease': define({
    ...word('eci-imagecache-webhook-controller'),
    default: 'eci-imagecache-webhook-controller',
    applies: 'restart',
    commands: CONTROLLER,
    description: 'The Lease beside this program by which controllers agree which of them works.',
  }),
  'controller.stateConfigMap': define({
    ...word('eci-imagecache-webhook-state'),
    default: 'eci-imagecache-webhook-state',
    applies: 'restart',
    commands: CONTROLLER,
    description:
      'The ConfigMap beside this program in which the controller keeps which ImageCaches failed how often, and what the simulated builder has built.',
  }),
  caOut: define({
    ...optional(path('file', 'ca.crt')),
    default: undefined,
    applies: 'restart',
    commands: SERVE,
    description: 'Where the CA is written for clients when the program makes its own certificate.',
  }),
  clientCa: define({
    ...optional(path('file', 'client-ca.crt')),
    default: undefined,
    applies: 'restart',
    commands: SERVE,
    description: "The CA, in PEM, that callers' certificates must come from; without it no certificate is asked for.",
  }),
} as const;

export type SettingKey = keyof typeof SETTINGS;

/** The value of every setting by its key. */
export type SettingValues = {
  readonly [Key in SettingKey]: (typeof SETTINGS)[Key] extends SettingDefinition<infer Value> ? Value : never;
};

// Object.keys() widens to texts; these are the keys of the object above.
export const SETTING_KEYS: readonly SettingKey[] = Object.keys(SETTINGS) as SettingKey[];

/** The schema of all settings at once, keyed by the dotted keys. */
export const SETTINGS_SCHEMA = z.strictObject(
  // Object.fromEntries() forgets which key has which schema; they come from the table one by one.
  Object.fromEntries(SETTING_KEYS.map((key) => [key, SETTINGS[key].schema])) as {
    [Key in SettingKey]: z.ZodType<SettingValues[Key]>;
  },
);

/** One setting as the documentation and the commands show it. */
export interface SettingRow {
  readonly key: SettingKey;
  readonly flag: string;
  readonly environment: string;
  readonly type: string;
  /** Markdown: a value in back quotes, or words. */
  readonly default: string;
  readonly applies: Applies;
  readonly commands: readonly SettingsCommand[];
  readonly description: string;
}

/** All settings in the order of the documentation, or only those whose flag a command takes. */
export function settingsTable(command?: SettingsCommand): SettingRow[] {
  return SETTING_KEYS.filter((key) => command === undefined || SETTINGS[key].commands.includes(command)).map((key) => {
    const definition: SettingDefinition<unknown> = SETTINGS[key];
    const { type, applies, commands, description } = definition;
    const fixed = definition.default === undefined ? 'none' : `\`${definition.default}\``;
    return {
      key,
      flag: flagOf(key),
      environment: environmentOf(key),
      type,
      default: definition.defaultText ?? fixed,
      applies,
      commands,
      description,
    };
  });
}

function define<Value>(definition: SettingDefinition<Value>): SettingDefinition<Value> {
  return definition;
}
